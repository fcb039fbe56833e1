import { describe, expect, test } from "vitest";
import { exampleMeasurement } from "./examples.ts";
import { figuresOf } from "./figures.ts";
import type { Measurement } from "./measurement.ts";
import { isHeadline, leastSample, showsLargestOnly, tooFewRuns } from "./sample-size.ts";

/** A run with one burst of losses, of which nine tenths are accounted for. */
function measured(outageMs: number, change: Partial<Measurement> = {}): Measurement {
  const plain = exampleMeasurement();
  return exampleMeasurement({
    lab: "lab 1",
    away: { ...plain.away, outageMs, lostTimeMs: outageMs, longestGapMs: outageMs, lost: outageMs / 5 },
    phases: {
      ...plain.phases,
      links: [{ upTo: "agent updated", ms: outageMs * 0.9, errorMs: 4, resolved: true }],
      accountedMs: outageMs * 0.9,
      accountedErrorMs: 4,
      unexplainedMs: outageMs * 0.1,
    },
    connections: [
      { kind: "tcp heartbeat", fate: "reset", longestGapMs: 100, lost: 1, lossOutcomes: { reset: 1 } },
    ],
    ...change,
  });
}

test("figures leave out runs with a disturbed rig, and keep failed and unrecovered ones", () => {
  const down = { ...measured(20_000).away, recovered: false };
  const [figure, other] = figuresOf(
    [
      measured(400),
      measured(600, { lab: "lab 2" }),
      measured(500, { struck: "west", outcome: "fail" }),
      measured(90_000, { outcome: "unknown" }),
      measured(20_000, { away: down, outcome: "fail" }),
      measured(1, { affinity: "none" }),
    ],
    7,
  );
  expect(figure).toMatchObject({ runs: 4, labs: 2, unknown: 1, failed: 2 });
  expect(figure?.away?.outageMs).toMatchObject({
    ...{
      count: 4,
      median: 550,
      largest: null,
      censored: 1,
      atLeast: expect.objectContaining({ median: 550, largest: 20_000 }),
    },
    interval: { kind: "labs", low: 500, high: 600, coverage: 0.5 },
  });
  expect(Object.keys(figure?.byStruck ?? {})).toEqual(["east", "west"]);
  expect(figure?.connections).toEqual([
    { kind: "tcp heartbeat", survived: 0, reset: 4, stalled: 0, longestGapMedianMs: 100 },
  ]);
  expect(other?.affinity).toBe("none");
});

test("losses in a window that had not recovered are censored, a quiet window is not", () => {
  const plain = exampleMeasurement();
  const quiet = { ...plain, away: { ...plain.away, recovered: false } };
  const [figure] = figuresOf([quiet], 7);
  expect(figure?.away?.outageMs).toMatchObject({ censored: 0, largest: 0 });
});

test("measurements are pooled only where setting, sources and application are equal", () => {
  const hashes = { settingHash: "a", sourceHash: "b", tuned: true, application: "exits" } as const;
  const figures = figuresOf(
    [
      measured(1, hashes),
      measured(2, { ...hashes, lab: "another" }),
      measured(3, { ...hashes, settingHash: "c" }),
      measured(4, { ...hashes, sourceHash: "c" }),
      measured(5, { ...hashes, application: "killed" }),
      measured(6, { ...hashes, method: 99 }),
    ],
    7,
  );
  expect(figures.map((f) => f.runs)).toEqual([2, 1, 1, 1, 1]);
});

test("what is accounted for is pooled, with its error and the worst run", () => {
  const blind = measured(1000, {
    phases: {
      ...measured(1000).phases,
      links: [],
      accountedMs: 70,
      accountedErrorMs: 10,
      unexplainedMs: 930,
    },
  });
  const [figure] = figuresOf([measured(100), measured(100), blind], 7);
  // 90 + 90 + 70 of 1200; the median of the shares would be 90 %.
  expect(figure?.accounted).toMatchObject({ share: 0.208, shareError: 0.015, worst: 0.07, runs: 3 });
  expect(figure?.accounted?.links).toEqual([{ upTo: "agent updated", medianMs: 90 }]);
  expect(figure?.accounted).toMatchObject({ beforeAnnounced: null, contradicted: [] });
});

test("the median of a link is the mean of the two middle values, and resolved by its own size", () => {
  const [figure] = figuresOf([measured(100), measured(200)], 7);
  expect(figure?.accounted?.links).toEqual([{ upTo: "agent updated", medianMs: 135 }]);
  // 4 ms of error: within a quarter of the mean, which the longest run decides, and not of the median of 14 ms.
  const [skewed] = figuresOf([measured(15), measured(15), measured(1000)], 7);
  expect(skewed?.accounted?.links).toEqual([{ upTo: "agent updated", medianMs: null }]);
});

test("a boundary that is stamped after its effect in more than a twentieth of the runs has no error bound", () => {
  const run = (agentMs: number, bpfMs: number, stableMs: number) => {
    const plain = measured(400);
    const seen = [
      { boundary: "fault begun" as const, afterMs: 0, errorMs: 0 },
      { boundary: "agent updated" as const, afterMs: agentMs, errorMs: 1 },
      { boundary: "BPF map changed" as const, afterMs: bpfMs, errorMs: 1 },
      { boundary: "traffic stable" as const, afterMs: stableMs, errorMs: 1 },
    ];
    const link = (upTo: "agent updated" | "BPF map changed" | "traffic stable", ms: number) => ({
      ...{ upTo, ms, errorMs: 2, resolved: true },
    });
    const links = [link("agent updated", 300), link("BPF map changed", 50), link("traffic stable", 50)];
    return { ...plain, phases: { ...plain.phases, seen, links } };
  };
  const good = Array.from({ length: 19 }, () => run(300, 350, 400));
  const once = figuresOf([...good, run(300, 403, 400)], 7)[0]?.accounted;
  expect(once?.contradicted).toEqual([{ boundary: "BPF map changed", runs: 1, of: 20 }]);
  expect(once?.links.map((l) => l.medianMs)).toEqual([300, 50, 50]);
  // Later by no more than both errors: it was reported late, which the errors say.
  expect(figuresOf([...good, run(300, 402, 400)], 7)[0]?.accounted?.contradicted).toEqual([]);
  const twice = figuresOf([...good, run(300, 403, 400), run(300, 500, 400)], 7)[0]?.accounted;
  expect(twice?.contradicted).toEqual([{ boundary: "BPF map changed", runs: 2, of: 21 }]);
  expect(twice?.links).toEqual([
    { upTo: "agent updated", medianMs: 300 },
    { upTo: "BPF map changed", medianMs: null },
    { upTo: "traffic stable", medianMs: null },
  ]);
  const share = twice?.resolved;
  expect(share).toBeCloseTo((21 * 300) / (21 * 400), 2);
});

test("a link whose error exceeds a quarter of it is not resolved", () => {
  const short = measured(10);
  expect(figuresOf([short], 7)[0]?.accounted?.links).toEqual([{ upTo: "agent updated", medianMs: null }]);
});

test("a vantage point whose losses were not over makes its run's worst a lower bound, whatever it has seen", () => {
  const plain = exampleMeasurement();
  const short = { ...plain.away, outageMs: 10, lostTimeMs: 10, lost: 1, recovered: false };
  const other = { title: "NodePort", cluster: "east", everyMs: 50, latenessP99Ms: 1, before: plain.before };
  const [figure] = figuresOf([measured(400, { others: [{ ...short, ...other, back: plain.back }] })], 7);
  expect(figure?.away?.worst).toMatchObject({
    ms: { largest: null, censored: 1, atLeast: { largest: 400 } },
    title: "the main vantage point",
  });
});

test("the worst vantage point of every run counts, during the fault and after healing", () => {
  const plain = exampleMeasurement();
  const other = (title: string, outageMs: number, backMs: number) => ({
    ...{ ...plain.away, title, cluster: "east", everyMs: 50, latenessP99Ms: 1, before: plain.before },
    ...{ outageMs, lost: 1, back: { ...plain.back, outageMs: backMs, lost: 1 } },
  });
  const runs = [
    measured(400, { others: [other("NodePort", 900, 0), other("LoadBalancer", 300, 0)] }),
    measured(700, { others: [other("NodePort", 600, 50), other("LoadBalancer", 100, 80)] }),
  ];
  const [figure] = figuresOf(runs, 7);
  expect(figure?.away?.worst.ms).toMatchObject({ median: 800, largest: 900 });
  expect(figure?.away?.worst.title).toBe("NodePort");
  expect(figure?.back?.worst.ms).toMatchObject({ largest: 80 });
  expect(figure?.back?.worst.title).toBe("LoadBalancer");
});

test("the time after Kubernetes announced the change counts runs with losses, and is a lower bound if they were not over", () => {
  const seen = (afterMs: number | null) => [
    { boundary: "EndpointSlice changed" as const, afterMs, errorMs: 9 },
  ];
  const run = (announced: number | null, stableAfterMs: number | null) => {
    const plain = measured(400);
    const down = stableAfterMs === null ? { censored: true, recovered: false, windowMs: 9000 } : {};
    const phases = { ...plain.phases, seen: seen(announced), stableAfterMs };
    return { ...plain, phases, away: { ...plain.away, ...down } };
  };
  const quiet = exampleMeasurement();
  const [figure] = figuresOf(
    [run(300, 450), run(300, 290), run(null, 450), run(300, null), { ...quiet, lab: "lab 1" }],
    7,
  );
  expect(figure?.sinceAnnounced).toMatchObject({
    ms: { count: 3, median: 150, largest: null, censored: 1, atLeast: { largest: 8700 } },
    ...{ errorMs: 9, resolved: true },
  });
  // Below zero in some runs: only the signed median says how much is left.
  const signed = figuresOf([run(300, 240), run(300, 245), run(300, 330), run(300, 335), run(300, 336)], 7)[0];
  expect(signed?.sinceAnnounced).toMatchObject({ ms: { median: 30 }, resolved: false });
  // 10 ms, known to 9 ms.
  expect(figuresOf([run(300, 310)], 7)[0]?.sinceAnnounced?.resolved).toBe(false);
});

test("the share of runs that may lose requests has a bound, also where nothing was lost", () => {
  const three = figuresOf(
    [1, 2, 3].map(() => exampleMeasurement()),
    7,
  )[0]?.away;
  expect(three?.lossyRuns).toBe(0);
  expect(three?.lossyBound).toBeCloseTo(0.632, 3);
  const some = (lossy: number) =>
    figuresOf(
      Array.from({ length: 10 }, (_, i) => (i < lossy ? measured(5) : exampleMeasurement({ lab: "lab 1" }))),
      7,
    )[0]?.away?.lossyBound;
  expect(some(2)).toBeCloseTo(0.507, 3);
  expect(some(3)).toBeCloseTo(0.607, 3);
  expect(some(10)).toBe(1);
});

describe("the sample of a row", () => {
  const row = (change: object) => ({
    ...{ scenario: "node stopped", affinity: "none" as const, runMs: 20_000, runs: 10, labs: 3 },
    ...change,
  });
  test.each([
    ["a headline", row({ scenario: "scale to zero" }), { runs: 20, labs: 5 }],
    [
      "another application of it",
      row({ scenario: "scale to zero", application: "killed" }),
      { runs: 10, labs: 3 },
    ],
    ["another row", row({}), { runs: 10, labs: 3 }],
    ["a long one", row({ runMs: 61_000 }), { runs: 5, labs: 2 }],
  ])("%s", (_name, figure, least) => {
    expect(leastSample(figure)).toEqual(least);
  });

  test("that is too small is said in the row", () => {
    expect(tooFewRuns(row({}))).toBeUndefined();
    expect(tooFewRuns(row({ runs: 9 }))).toBe("too few runs (9 of 10, from 3 of 3 labs)");
    expect(tooFewRuns(row({ runs: 30, labs: 2 }))).toBe("too few runs (30 of 10, from 2 of 3 labs)");
    expect(showsLargestOnly(row({ runMs: 61_000, runs: 5, labs: 2 }))).toBe(true);
    expect(showsLargestOnly(row({ runMs: 61_000 }))).toBe(false);
    expect(showsLargestOnly(row({ runs: 5, labs: 2 }))).toBe(false);
    expect(showsLargestOnly(row({ scenario: "scale to zero", runMs: 61_000, runs: 5 }))).toBe(false);
    expect(isHeadline(row({ scenario: "agent restart", affinity: "none" }))).toBe(false);
  });
});
