import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { exampleHistory } from "#harness/model/examples.ts";
import type { History, Sample, SampleOutcome } from "#harness/model/history.ts";
import {
  decodeWindow,
  encodeWindow,
  type LossLimits,
  type Point,
  type Window,
} from "#harness/model/loss-record.ts";
import { combineJudgements, judgePoint } from "./failover.ts";
import { type LossFacts, lossFacts } from "./losses.ts";
import { judgeProber, limitsForBudget } from "./rig.ts";
import { type HistoryWindows, windowsOf } from "./windows.ts";

const everyMs = 10;
const rig = { latenessP99Ms: 200, stallMs: 1000, controlLossShare: 0.01 };
const cuts = { sinceMs: 2000, healedMs: 22_000 };
const durationMs = 30_000;

/** Injected after 2 s, healed after 22 s, observed until 30 s. */
function history(
  at: (ms: number) => SampleOutcome,
  { tookMs = () => 1, lateMs = () => 0 }: Partial<Record<"tookMs" | "lateMs", (ms: number) => number>> = {},
): History {
  const samples: Sample[] = [];
  for (let seq = 0; seq * everyMs < durationMs; seq++) {
    const dueMs = seq * everyMs;
    const sentMs = dueMs + lateMs(dueMs);
    samples.push({ seq, dueMs, sentMs, endMs: sentMs + tookMs(dueMs), outcome: at(dueMs), cluster: "east" });
  }
  return exampleHistory({
    everyMs,
    samples,
    control: samples.map((s) => ({ ...s, outcome: "ok" as const })),
  });
}

function pointOf(h: History, limits?: LossLimits): Point {
  const { samples: _, control: __, marks: ___, startedAt: ____, ...head } = h;
  const expected = limits === undefined ? {} : { away: limits, back: limits };
  return { ...head, cluster: "east", ...windowsOf(h, cuts), expected };
}

const kept = (window: Window): Window => decodeWindow(encodeWindow(window));
const recorded = ({ before, away, back }: HistoryWindows) => ({
  before: kept(before),
  away: kept(away),
  back: kept(back),
});

function factsOf(h: History): { away: LossFacts; back: LossFacts } {
  // As they are kept: the coded text must give the same facts.
  const { before, away, back } = recorded(windowsOf(h, cuts));
  return {
    away: lossFacts(away, { everyMs, before }),
    back: lossFacts(back, { everyMs, before: away }),
  };
}

const limits = { lostTimeMs: 2000, longestGapMs: 2000, bursts: 5 };
const lost = (when: (ms: number) => boolean): History => history((ms) => (when(ms) ? "timeout" : "ok"));

describe("losses of the whole window", () => {
  test("two bursts count both: the first second without a loss ends nothing", () => {
    const h = lost((ms) => (ms >= 3000 && ms < 3200) || (ms >= 6000 && ms < 6120));
    expect(factsOf(h).away).toMatchObject({
      ...{ sent: 2000, lost: 32, bursts: 2, lostTimeMs: 340, longestGapMs: 210 },
      ...{ firstLossMs: 3000, lastLossMs: 6110, stableAgainMs: 6120, lastGoodMs: 2990, outageMs: 3130 },
      ...{ recovered: true, censored: false, windowMs: 20_000 },
    });
    expect(judgePoint(pointOf(h, limits), rig).outcome).toBe("pass");
    expect(judgePoint(pointOf(h, { ...limits, lostTimeMs: 330 }), rig).reasons).toEqual([
      "east/w -> 10.0.0.1:80: lost time of 340 ms is over the budget of 330 ms (32 requests lost: 32 timeout; 2 bursts)",
    ]);
    expect(judgePoint(pointOf(h, { ...limits, longestGapMs: 200 }), rig).reasons.join()).toContain(
      "a gap of 210 ms is over the budget of 200 ms",
    );
    expect(judgePoint(pointOf(h, { ...limits, bursts: 1 }), rig).reasons.join()).toContain(
      "2 bursts of losses are over the budget of 1",
    );
  });

  test("losses closer than a second are one burst", () => {
    const h = lost((ms) => [3000, 3500, 4500, 5510].includes(ms));
    expect(factsOf(h).away).toMatchObject({ bursts: 2, lost: 4, lostTimeMs: 80, longestGapMs: 20 });
  });

  test("a burst at the very end has not recovered, and its figures are lower bounds", () => {
    const h = lost((ms) => ms >= 21_900 && ms < 22_300);
    const { away, back } = factsOf(h);
    expect(away).toMatchObject({
      recovered: false,
      censored: true,
      lostTimeMs: 110,
      stableAgainMs: undefined,
    });
    // After the healing the losses count from one interval before it.
    expect(back).toMatchObject({ recovered: true, censored: false, lostTimeMs: 310, lost: 30 });
    expect(judgePoint(pointOf(h, limits), rig).reasons).toEqual([
      "east/w -> 10.0.0.1:80: requests were still being lost in the last 5.0s of the observation (10 requests lost: 10 timeout)",
    ]);
  });

  test("a low loss rate is lost time, and no recovery", () => {
    const h = lost((ms) => ms >= 3000 && ms % 500 === 0);
    expect(factsOf(h).away).toMatchObject({ lost: 38, bursts: 1, lostTimeMs: 760, recovered: false });
    expect(judgePoint(pointOf(h, limits), rig).outcome).toBe("fail");
  });

  test("one lost request every 1.1 s for the whole window is many bursts", () => {
    const h = lost((ms) => ms >= 3000 && ms % 1100 === 0);
    const { away, back } = factsOf(h);
    expect(away).toMatchObject({ lost: 17, bursts: 17, lostTimeMs: 340, longestGapMs: 20, recovered: false });
    expect(back).toMatchObject({ recovered: false });
    expect(judgePoint(pointOf(h, limits), rig).reasons.join("\n")).toMatch(
      /still being lost[\s\S]*17 bursts of losses are over the budget of 5[\s\S]*after healing: .*still being lost/,
    );
  });

  test("a window of less than 5 s shows no recovery: it fails over budget and is unknown otherwise", () => {
    const h = lost((ms) => ms >= 2000 && ms < 2300);
    const short = (budget: LossLimits): Point => ({
      ...pointOf(h, budget),
      ...windowsOf(h, { sinceMs: 2000, healedMs: 4000 }),
      expected: { away: budget },
    });
    expect(lossFacts(short(limits).away, { everyMs })).toMatchObject({ recovered: false, windowMs: 2000 });
    expect(judgePoint(short(limits), rig)).toMatchObject({
      outcome: "unknown",
      reasons: [expect.stringContaining("was observed for 2.0s")],
    });
    expect(judgePoint(short({ ...limits, lostTimeMs: 200 }), rig).outcome).toBe("fail");
  });
});

describe("traffic that must move", () => {
  /** Lost from 200 ms after the fault for so long; then the other cluster answers. */
  const judged = (lostMs: number, announcedMs?: number, delayMs = 0) => {
    const movedMs = cuts.sinceMs + 200 + lostMs;
    const h = lost((ms) => ms >= cuts.sinceMs + 200 && ms < movedMs);
    const samples = [...h.samples].map((s) => ({ ...s, cluster: s.dueMs < movedMs ? "east" : "west" }));
    const move = { from: ["east"], to: ["west"], withinMs: limits.lostTimeMs };
    return judgePoint({ ...pointOf({ ...h, samples }), expected: { away: limits, move } }, rig, {
      announcedMs,
      delayMs,
    });
  };

  test("fails when it is too late, as long as nothing shows that Kubernetes was slow", () => {
    expect(judged(1500).outcome).toBe("pass");
    expect(judged(1900)).toMatchObject({
      outcome: "fail",
      reasons: [expect.stringContaining("first answer of west came 2.1s after the fault")],
    });
  });

  test("counts from the change of the EndpointSlice: earlier the mesh cannot know", () => {
    expect(judged(1900, 1400).outcome).toBe("pass");
    expect(judged(3000, 1400).outcome).toBe("pass");
    expect(judged(3500, 1400)).toMatchObject({
      outcome: "fail",
      reasons: [
        expect.stringContaining("counts from the change of the EndpointSlice (1.4s after the fault)"),
        expect.stringContaining("lost time of 3510 ms is over the budget of 2000 ms"),
      ],
    });
  });

  test("is not excused by what it lost before, while the old backends still answered", () => {
    // 2.8 s, then east answers again until the change at 8 s; and 100 ms after it.
    const [since, changed] = [cuts.sinceMs + 200, cuts.sinceMs + 8000];
    const h = lost((ms) => (ms >= since && ms < since + 2800) || (ms >= changed && ms < changed + 100));
    const samples = [...h.samples].map((s) => ({ ...s, cluster: s.dueMs < changed ? "east" : "west" }));
    const move = { from: ["east"], to: ["west"], withinMs: limits.lostTimeMs };
    const point = { ...pointOf({ ...h, samples }), expected: { away: limits, move } };
    expect(judgePoint(point, rig, { announcedMs: 8000, delayMs: 200 })).toMatchObject({
      outcome: "fail",
      reasons: [expect.stringMatching(/lost time of 29\d\d ms/)],
    });
  });

  test("a change that is reported after its effect is as late as the effect at most", () => {
    // West answers from 2.4 s on: reported at 5 s, the change would excuse everything.
    expect(judged(2200, 5000, 100).outcome).toBe("pass");
    expect(judged(2200, 5000, 2300).outcome).toBe("unknown");
  });

  test("counts from the earliest moment of the change that its error allows, or leaves the verdict open", () => {
    // 1.8 s of 3.2 s are after the change, as it was reported.
    expect(judged(3000, 1400, 190).outcome).toBe("pass");
    expect(judged(3000, 1400, 210)).toMatchObject({
      outcome: "unknown",
      undecided: true,
      reasons: [
        expect.stringContaining("lost time of 3010 ms"),
        expect.stringMatching(/reported a change only after 210ms: counted from so much earlier, it is not/),
      ],
    });
    // However long Kubernetes takes: a slow machine makes the mesh no faster.
    expect(judged(9000, 8000, 500).outcome).toBe("pass");
    // Without the excuse nothing is asked of it.
    expect(judged(1500, 1400, 5000).outcome).toBe("pass");
  });
});

describe("answers that were slow before the fault", () => {
  const judged = (when: (ms: number) => boolean, beforeMs: number) => {
    const h = history((ms) => (when(ms) ? "timeout" : "ok"), { tookMs: (ms) => (ms < 2000 ? beforeMs : 1) });
    return judgePoint(pointOf(h, limits), rig);
  };
  const long = (ms: number) => ms >= 3000 && ms < 6000;

  test("make too much lost time unknown, beyond 25 % of the budget", () => {
    expect(judged(long, 500).outcome).toBe("fail");
    expect(judged(long, 520)).toMatchObject({
      outcome: "unknown",
      undecided: true,
      reasons: [
        expect.stringContaining("lost time of 3010 ms"),
        expect.stringContaining(
          "1 % of the answers took over 520ms (limit 500 ms), so the machine was overloaded",
        ),
      ],
    });
  });

  test("excuse no loss that does not end, and a pass stays one", () => {
    expect(judged((ms) => ms >= 3000 && ms < 3100, 900).outcome).toBe("pass");
    expect(judged((ms) => ms >= 3000, 900).outcome).toBe("fail");
  });
});

describe("a slow API server", () => {
  const judged = (when: (ms: number) => boolean, delayMs: number) =>
    judgePoint(pointOf(lost(when), limits), rig, { announcedMs: undefined, delayMs });
  const long = (ms: number) => ms >= 3000 && ms < 6000;

  test("makes too much lost time unknown, away and after healing, beyond 25 % of the budget", () => {
    expect(judged(long, 500).outcome).toBe("fail");
    expect(judged(long, 501)).toMatchObject({
      outcome: "unknown",
      undecided: true,
      reasons: [
        expect.stringContaining("lost time of 3010 ms"),
        expect.stringContaining("after 501ms (limit 500 ms)"),
      ],
    });
    expect(judged((ms) => ms >= 22_500 && ms < 24_600, 501).outcome).toBe("unknown");
  });

  test("excuses nothing else, and a pass stays one", () => {
    expect(judged((ms) => ms >= 3000 && ms < 3100, 5000).outcome).toBe("pass");
    expect(judged((ms) => ms >= 3000, 5000).outcome).toBe("fail");
  });
});

test("only where nothing but Kubernetes leaves a verdict open are its figures sound", () => {
  const slow = { outcome: "unknown", reasons: ["slow"], undecided: true } as const;
  const spoiled = { outcome: "unknown", reasons: ["stood still"], undecided: false } as const;
  const failed = { outcome: "fail", reasons: ["late"], undecided: false } as const;
  const pass = { outcome: "pass", reasons: [], undecided: false } as const;
  expect(combineJudgements([slow, pass, slow])).toMatchObject({ outcome: "unknown", undecided: true });
  expect(combineJudgements([slow, spoiled])).toMatchObject({ outcome: "unknown", undecided: false });
  expect(combineJudgements([slow, failed])).toMatchObject({ outcome: "fail", undecided: false });
  expect(combineJudgements([pass])).toMatchObject({ outcome: "pass", undecided: false });
});

describe("the share lost just before the healing", () => {
  const judged = (when: (ms: number) => boolean, lostAtEnd: readonly [number, number]) =>
    judgePoint({ ...pointOf(lost(when)), expected: { lostAtEnd: [...lostAtEnd] } }, rig);

  test("is that of the last seconds of the fault, without the very last", () => {
    expect(judged((ms) => ms >= 3000 && ms < 22_000, [0.99, 1]).outcome).toBe("pass");
    expect(judged((ms) => ms >= 3000 && ms < 21_200, [0.99, 1]).outcome).toBe("pass");
    expect(judged((ms) => ms >= 3000 && (ms / everyMs) % 2 === 0, [0.25, 0.75]).outcome).toBe("pass");
  });

  test.each([
    ["clients that recovered", (ms: number) => ms >= 3000 && ms < 15_000, [0.99, 1]],
    ["half instead of all", (ms: number) => (ms / everyMs) % 2 === 0, [0.99, 1]],
    ["all instead of half", (ms: number) => ms >= 3000, [0.25, 0.75]],
  ] as const)("fails: %s", (_, when, range) => {
    expect(judged(when, range)).toMatchObject({
      outcome: "fail",
      reasons: [expect.stringMatching(/in the last seconds of the fault \d+ % of the requests were lost/)],
    });
  });
});

describe("latency", () => {
  test("counts from the due time: a request that waited for the prober or for others is slow", () => {
    // The prober stands still for 400 ms and then sends 40 requests at once, each answered within 1 ms.
    const h = history(() => "ok", { lateMs: (ms) => (ms >= 5000 && ms < 5400 ? 5400 - ms : 0) });
    const { away } = factsOf(h);
    expect(away).toMatchObject({ lost: 0, slow: 16, bursts: 0, recovered: true });
    expect(away.latency).toEqual({ p50Ms: 1, p99Ms: 201, p999Ms: 381, maxMs: 401 });
  });

  test("of slow answers is counted apart from losses", () => {
    const h = history((ms) => (ms === 6000 ? "refused" : "ok"), {
      tookMs: (ms) => (ms >= 5000 && ms < 5100 ? 300 : ms === 7000 ? 250 : 2),
    });
    expect(factsOf(h).away).toMatchObject({ lost: 1, slow: 10, lostTimeMs: 20 });
    expect(factsOf(h).back).toMatchObject({ lost: 0, slow: 0, latency: { maxMs: 2 } });
  });
});

describe("a vantage point", () => {
  const late = (h: History): Point =>
    pointOf({ ...h, samples: [...h.samples].map((s) => ({ ...s, sentMs: s.sentMs + 150 })) }, limits);

  test("is judged only if its own prober was in time against the budget", () => {
    const h = lost((ms) => ms >= 3000 && ms < 7000);
    expect(judgePoint(pointOf(h, limits), rig).outcome).toBe("fail");
    expect(judgePoint(late(h), rig)).toMatchObject({
      outcome: "unknown",
      reasons: [expect.stringContaining("over 150.0 ms late (limit 100 ms)"), expect.anything()],
    });
  });

  test.each([
    [2000, { latenessP99Ms: 100, stallMs: 500 }],
    [60_000, { latenessP99Ms: 3000, stallMs: 15_000 }],
    [0, { latenessP99Ms: 200, stallMs: 1000 }],
  ])("with a budget of %d ms allows a share of it for lateness and for a stall", (budgetMs, expected) => {
    expect(limitsForBudget(budgetMs, rig)).toEqual({ ...rig, ...expected });
  });

  test("whose prober fell silent before the end is not judged", () => {
    const h = lost(() => false);
    const cut = { ...h, samples: [...h.samples].filter((s) => s.sentMs < 20_000) };
    const { away, missing } = windowsOf(cut, cuts);
    expect(judgeProber({ vantage: "east/w", missing, everyMs }, away, rig).reasons).toEqual([
      "the prober at east/w sent nothing in the last 2000 ms of the window",
    ]);
  });
});

/** The definitions, sample by sample: the oracle of the coded windows. */
function naive(h: History, sinceMs: number, untilMs: number) {
  const all = [...h.samples];
  const inside = all.filter((s) => s.sentMs >= sinceMs && s.sentMs < untilMs);
  const losses = inside.filter((s) => s.outcome !== "ok");
  const good = all.filter((s) => s.outcome === "ok");
  const gaps = new Map<number, number>();
  for (const loss of losses) {
    const before = good.findLast((g) => g.seq < loss.seq)?.sentMs ?? Number.NEGATIVE_INFINITY;
    const after = inside.find((s) => s.seq > loss.seq && s.outcome === "ok")?.sentMs ?? untilMs;
    gaps.set(after, after - Math.max(before, sinceMs - everyMs));
  }
  let bursts = 0;
  losses.forEach((s, i) => {
    const before = losses[i - 1];
    if (before === undefined || s.sentMs - before.sentMs > 1000) bursts += 1;
  });
  const lengths = [...gaps.values()];
  return {
    sent: inside.length,
    lost: losses.length,
    slow: inside.filter((s) => s.outcome === "ok" && s.endMs - s.dueMs > 250).length,
    bursts,
    lostTimeMs: lengths.reduce((a, b) => a + b, 0),
    longestGapMs: Math.max(0, ...lengths),
    firstLossMs: losses[0]?.sentMs,
    lastLossMs: losses.at(-1)?.sentMs,
    recovered: losses.every((s) => s.sentMs <= untilMs - 5000),
  };
}

test("facts of coded windows are those of the definitions, for any traffic", () => {
  const stretch = fc.record({
    outcome: fc.constantFrom<SampleOutcome>("ok", "ok", "timeout", "refused"),
    count: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 400 })),
    tookMs: fc.constantFrom(1, 1, 300),
  });
  fc.assert(
    fc.property(fc.array(stretch, { minLength: 1, maxLength: 20 }), (parts) => {
      const each = parts.flatMap(({ count, ...part }) => Array.from({ length: count }, () => part));
      const at = (ms: number) => each[(ms / everyMs) % each.length] ?? { outcome: "ok" as const, tookMs: 1 };
      const h = history((ms) => at(ms).outcome, { tookMs: (ms) => at(ms).tookMs });
      const { away, back } = factsOf(h);
      const last = durationMs - everyMs;
      // A last request at the very end belongs to the last window.
      const expected = [naive(h, 2000, 22_000), naive(h, 22_000, last + 1)];
      expect(away).toMatchObject(expected[0] ?? {});
      const { lostTimeMs, longestGapMs, recovered: _, ...counts } = expected[1] ?? naive(h, 0, 0);
      expect(back).toMatchObject(counts);
      expect(Math.abs(back.lostTimeMs - lostTimeMs)).toBeLessThanOrEqual(1);
      expect(Math.abs(back.longestGapMs - longestGapMs)).toBeLessThanOrEqual(1);
    }),
    { numRuns: 25 },
  );
});
