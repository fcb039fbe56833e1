import { describe, expect, test } from "vitest";
import { distributionOf } from "#harness/lib/distribution.ts";
import type { ChainEvent, ChainRecord } from "#harness/model/chain.ts";
import { exampleHistory, exampleMeasurement } from "#harness/model/examples.ts";
import { figuresOf } from "#harness/model/figures.ts";
import type { Connection, History, Sample } from "#harness/model/history.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import { judgeByBaseline } from "./baseline.ts";
import { connectionFigures } from "./connections.ts";
import { failoverFacts, judgeOutage } from "./failover.ts";
import { phasesOf } from "./phases.ts";

const zero = 1_700_000_000_000;
const stretch = { sinceMs: 1000 };
const rig = { latenessP99Ms: 250, stallMs: 1000, controlLossShare: 0.01 };

function history(
  durationMs: number,
  at: (ms: number) => Sample["outcome"],
  connection: Connection = "new",
  everyMs = 5,
): History {
  const samples: Sample[] = [];
  for (let seq = 0; seq * everyMs < durationMs; seq++)
    samples.push({
      seq,
      dueMs: seq * everyMs,
      sentMs: seq * everyMs,
      endMs: seq * everyMs + 1,
      outcome: at(seq * everyMs),
      cluster: "east",
    });
  return exampleHistory({
    everyMs,
    connection,
    startedAtUnixMs: zero,
    samples,
    control: samples.map((s) => ({ ...s, outcome: "ok" as const })),
  });
}

describe("phases", () => {
  // Lost from 1100 to 1600; the fault began at 1000.
  const facts = failoverFacts(
    history(5000, (ms) => (ms >= 1100 && ms < 1600 ? "refused" : "ok")),
    stretch,
  );
  const clock = {
    faultUnixMs: zero + 1000,
    healingUnixMs: zero + 4000,
    proberZeroUnixMs: zero,
    proberErrorMs: 0.2,
  };
  const event = (boundary: ChainEvent["boundary"], afterMs: number, active: number): ChainEvent => ({
    boundary,
    atUnixMs: zero + 1000 + afterMs,
    active,
  });
  const path: ChainRecord["path"] = (
    ["EndpointSlice changed", "agent updated", "BPF map changed"] as const
  ).map((boundary) => ({ boundary, errorMs: 2 }));
  const chain: ChainRecord = {
    path,
    events: [
      event("EndpointSlice changed", -500, 0),
      event("EndpointSlice changed", -400, 2),
      event("EndpointSlice changed", 50, 1),
      event("EndpointSlice changed", 150, 0),
      event("agent updated", 580, 0),
      event("BPF map changed", 590, 0),
      event("kvstore changed", 3500, 0),
    ],
  };

  test("the outage is cut at the boundaries, each the first without a backend after the fault", () => {
    const phases = phasesOf(chain, facts, clock);
    expect(phases.seen.map((s) => s.afterMs)).toEqual([0, 150, 580, 590, 600]);
    expect(phases.links).toEqual([
      { upTo: "EndpointSlice changed", ms: 55, errorMs: 2.2, resolved: true },
      { upTo: "agent updated", ms: 430, errorMs: 4, resolved: true },
      { upTo: "BPF map changed", ms: 10, errorMs: 4, resolved: false },
      { upTo: "traffic stable", ms: 10, errorMs: 2.2, resolved: true },
    ]);
    expect(phases).toMatchObject({
      accountedMs: 505,
      accountedErrorMs: 0.4,
      unexplainedMs: 0,
      lastGoodAfterMs: 95,
      firstErrorAfterMs: 100,
    });
  });

  test("a boundary that was not seen leaves both its links unexplained", () => {
    const blind = { path, events: chain.events.filter((e) => e.boundary !== "agent updated") };
    const phases = phasesOf(blind, facts, clock);
    expect(phases.seen.find((s) => s.boundary === "agent updated")?.afterMs).toBeNull();
    expect(phases.unexplainedMs).toBe(440);
    expect(phases.links.map((l) => l.upTo)).toEqual(["EndpointSlice changed", "traffic stable"]);
  });

  test.each([
    ["within its error was reported late: the effect bounds it", 582, 485, 0],
    ["by more than its error counts as not seen", 590, 0, 485],
  ])("a cause that is stamped after its effect %s", (_name, sliceMs, slice, unexplained) => {
    const late = {
      path,
      events: chain.events.map((e) =>
        e.boundary === "EndpointSlice changed" && e.atUnixMs === zero + 1150
          ? { ...e, atUnixMs: zero + 1000 + sliceMs }
          : e,
      ),
    };
    const phases = phasesOf(late, facts, clock);
    expect(phases.links.find((l) => l.upTo === "EndpointSlice changed")?.ms ?? 0).toBe(slice);
    expect(phases.unexplainedMs).toBe(unexplained);
  });

  test("links and the rest add up to the lost time, however many bursts there are", () => {
    // A second burst from 3000 to 3100, after every boundary.
    const twice = failoverFacts(
      history(9000, (ms) => ((ms >= 1100 && ms < 1600) || (ms >= 3000 && ms < 3100) ? "refused" : "ok")),
      { sinceMs: 1000, untilMs: 4000 },
    );
    const phases = phasesOf(chain, twice, clock);
    expect(phases).toMatchObject({ stableAfterMs: 2100, accountedMs: 610, unexplainedMs: 0 });
    expect(phases.links.at(-1)).toMatchObject({ upTo: "traffic stable", ms: 115 });
  });

  test("traffic alone explains nothing", () => {
    expect(phasesOf({ path, events: [] }, facts, clock)).toMatchObject({ links: [], unexplainedMs: 505 });
  });

  test("no outage has no links", () => {
    const none = failoverFacts(
      history(5000, () => "ok"),
      stretch,
    );
    expect(phasesOf(chain, none, clock)).toMatchObject({ links: [], unexplainedMs: 0, stableAfterMs: null });
  });
});

describe("an outage", () => {
  test("that is not over is no recovery, and fails with the target's name", () => {
    const h = history(7000, (ms) => (ms >= 1100 ? "timeout" : "ok"));
    expect(failoverFacts(h, stretch)).toMatchObject({ recovered: false, censored: true });
    expect(judgeOutage(h, { ...stretch, withinMs: 60_000, rig }).reasons.join()).toMatch(
      /east\/w -> 10\.0\.0\.1:80: requests were still being lost/,
    );
  });

  test("that began long before the window counts from its beginning", () => {
    const h = history(9000, (ms) => (ms >= 500 && ms < 4000 ? "timeout" : "ok"));
    expect(failoverFacts(h, { sinceMs: 3000 }).outageMs).toBe(1005);
  });

  test("does not exist without a loss, and a single loss exceeds a budget of zero", () => {
    const good = history(8000, () => "ok");
    const bad = history(8000, (ms) => (ms === 2000 ? "reset" : "ok"));
    expect(judgeOutage(good, { ...stretch, withinMs: 0, rig }).outcome).toBe("pass");
    expect(judgeOutage(bad, { ...stretch, withinMs: 0, rig }).outcome).toBe("fail");
  });
});

describe("established connections", () => {
  test.each([
    ["survived", () => "ok" as const],
    ["reset", (ms: number) => (ms === 2000 ? ("reset" as const) : ("ok" as const))],
    ["stalled", (ms: number) => (ms > 2000 && ms < 3000 ? ("timeout" as const) : ("ok" as const))],
    ["stalled", (ms: number) => (ms > 2000 ? ("timeout" as const) : ("ok" as const))],
  ])("%s", (fate, at) => {
    expect(connectionFigures(history(5000, at, "tcp", 50), stretch).fate).toBe(fate);
  });

  test("a stall that never ends is as long as the rest", () => {
    const h = history(5000, (ms) => (ms > 2000 ? "timeout" : "ok"), "udp", 50);
    expect(connectionFigures(h, stretch).longestGapMs).toBeCloseTo(2949, 0);
  });
});

test("a distribution gives median, tail and confidence interval, the same for the same seed", () => {
  const values = Array.from({ length: 21 }, (_, i) => i * 10);
  const d = distributionOf(values, 7);
  expect(d).toMatchObject({ count: 21, min: 0, median: 100, p95: 190, max: 200 });
  expect(d?.medianLow).toBeLessThan(100);
  expect(d?.medianHigh).toBeGreaterThan(100);
  expect(distributionOf(values, 7)).toEqual(d);
  expect(distributionOf([], 7)).toBeUndefined();
  expect(distributionOf([4], 7)).toMatchObject({ median: 4, medianLow: 4, medianHigh: 4 });
  expect(distributionOf([1, 2], 7)?.median).toBe(1.5);
});

/** A run with an outage of which nine tenths are explained. */
function measured(outageMs: number, change: Partial<Measurement> = {}): Measurement {
  const plain = exampleMeasurement();
  return exampleMeasurement({
    away: { ...plain.away, outageMs, lostTimeMs: outageMs, lost: outageMs / 5 },
    phases: {
      ...plain.phases,
      links: [{ upTo: "agent updated", ms: outageMs * 0.9, errorMs: 2, resolved: true }],
      unexplainedMs: outageMs * 0.1,
    },
    connections: [
      { kind: "tcp heartbeat", fate: "reset", longestGapMs: 100, lost: 1, lossOutcomes: { reset: 1 } },
    ],
    ...change,
  });
}

test("figures leave out runs with a disturbed rig and keep unrecovered runs out of medians", () => {
  const down = { ...measured(9000).away, recovered: false };
  const [figure, other] = figuresOf(
    [
      measured(400),
      measured(600),
      measured(500, { struck: "west" }),
      measured(90_000, { outcome: "unknown" }),
      measured(0, { away: down }),
      measured(1, { affinity: "none" }),
    ],
    7,
  );
  expect(figure).toMatchObject({ runs: 4, unknown: 1, notRecovered: 1, explainedShare: 0.9 });
  expect(figure?.outageMs).toMatchObject({ count: 3, median: 500, max: 600 });
  expect(Object.keys(figure?.byStruck ?? {})).toEqual(["east", "west"]);
  expect(figure?.connections).toEqual([
    { kind: "tcp heartbeat", survived: 0, reset: 4, stalled: 0, longestGapMedianMs: 100 },
  ]);
  expect(other?.affinity).toBe("none");
});

describe("a baseline", () => {
  const limits = { runs: 5, factor: 1.5 };
  const baseline = [400, 410, 420, 430, 440].map((ms) => measured(ms));

  test("gives the limit", () => {
    expect(judgeByBaseline(measured(660), baseline, limits).outcome).toBe("pass");
    expect(judgeByBaseline(measured(670), baseline, limits)).toMatchObject({
      outcome: "fail",
      reasons: [expect.stringContaining("the limit 665 ms")],
    });
    expect(
      judgeByBaseline(measured(1, { away: { ...measured(1).away, recovered: false } }), baseline, limits)
        .outcome,
    ).toBe("fail");
  });

  test.each([
    ["too few", baseline.slice(1)],
    ["another version", baseline.map((m) => ({ ...m, setting: { ...m.setting, cilium: "1.19.1" } }))],
    ["another method", baseline.map((m) => ({ ...m, method: 2 }))],
    ["disturbed", baseline.map((m) => ({ ...m, outcome: "unknown" as const }))],
  ])("of %s runs gives no verdict", (_name, runs) => {
    expect(judgeByBaseline(measured(400), runs, limits).outcome).toBe("unknown");
  });
});
