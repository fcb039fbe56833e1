import { describe, expect, test } from "vitest";
import { exampleMeasurement } from "#harness/model/examples.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import { judgeByBaseline } from "./baseline.ts";
import { compareLostTime } from "./comparison.ts";

const measured = (lostTimeMs: number, change: Partial<Measurement> = {}): Measurement => {
  const plain = exampleMeasurement();
  return exampleMeasurement({
    lab: "one lab",
    away: { ...plain.away, lostTimeMs, outageMs: lostTimeMs, lost: 1 },
    ...change,
  });
};
const around = (ms: number, n = 10): Measurement[] =>
  Array.from({ length: n }, (_, i) => measured(ms + 10 * i));

describe("a baseline", () => {
  const limits = { runs: 5, errorRate: 0.01 };
  const baseline = around(400);

  test("a slower sample fails, an equal or faster one passes", () => {
    expect(judgeByBaseline(around(405), baseline, limits).outcome).toBe("pass");
    expect(judgeByBaseline(around(100), baseline, limits).outcome).toBe("pass");
    expect(judgeByBaseline(around(700), baseline, limits)).toMatchObject({
      outcome: "fail",
      reasons: [
        expect.stringMatching(
          /median lost time of 745 ms over 10 runs; the baseline's is 445 ms over 10 \(p = 0.000\d+, by run: an error rate of 1 % only if labs do not differ\)/,
        ),
      ],
    });
  });

  test("runs that did not recover are slower than any that did, on both sides", () => {
    const down = (m: Measurement): Measurement => ({ ...m, away: { ...m.away, recovered: false } });
    const larger = { ...limits, errorRate: 0.05 };
    expect(judgeByBaseline(around(1).map(down), baseline, larger)).toMatchObject({
      outcome: "fail",
      reasons: [expect.stringContaining("median lost time of not recovered")],
    });
    expect(judgeByBaseline(around(1).map(down), around(1).map(down), limits).outcome).toBe("pass");
  });

  test("runs that are only undecided count: they are the longest outages", () => {
    const open = baseline.map((m) => ({ ...m, outcome: "unknown" as const, undecided: ["slow"] }));
    expect(judgeByBaseline(around(405), open, limits).outcome).toBe("pass");
    expect(judgeByBaseline(around(700), open, limits).outcome).toBe("fail");
  });

  test("runs of several states of the sources are not pooled: those of the present one are taken", () => {
    const by = (sourceHash: string) => (m: Measurement) => ({ ...m, sourceHash });
    const several = [...around(400).map(by("old")), ...around(900).map(by("new"))];
    expect(judgeByBaseline(around(905).map(by("new")), several, limits).outcome).toBe("pass");
    expect(judgeByBaseline(around(905).map(by("newer")), several, limits)).toMatchObject({
      outcome: "unknown",
      reasons: [expect.stringContaining("several states of the sources")],
    });
    expect(judgeByBaseline(around(905).map(by("new")), baseline.map(by("old")), limits).outcome).toBe("fail");
  });

  test("too few runs to reach the error rate give no verdict", () => {
    expect(judgeByBaseline([measured(9000)], baseline, limits)).toMatchObject({
      outcome: "unknown",
      reasons: [expect.stringContaining("1 runs cannot be told from the baseline's 10")],
    });
    expect(judgeByBaseline([], baseline, limits).outcome).toBe("unknown");
  });

  test.each([
    ["too few", baseline.slice(6)],
    ["another version", baseline.map((m) => ({ ...m, setting: { ...m.setting, cilium: "1.19.1" } }))],
    ["another setting", baseline.map((m) => ({ ...m, settingHash: "other" }))],
    ["another application", baseline.map((m) => ({ ...m, application: "killed" as const }))],
    ["another method", baseline.map((m) => ({ ...m, method: 2 }))],
    ["disturbed", baseline.map((m) => ({ ...m, outcome: "unknown" as const }))],
  ])("of %s runs gives no verdict", (_name, runs) => {
    expect(judgeByBaseline(around(400), runs, limits).outcome).toBe("unknown");
  });
});

describe("a comparison", () => {
  const labs = (ms: number) =>
    [0, 1, 2, 3, 4].flatMap((l) =>
      Array.from({ length: 4 }, (_, i) => measured(ms + l + 7 * i, { lab: `lab ${ms} ${l}` })),
    );

  test("permutes whole labs where there are enough", () => {
    expect(compareLostTime(labs(400), labs(600), 0.01)).toMatchObject({ unit: "lab", result: "slower" });
    expect(compareLostTime(labs(600), labs(400), 0.01)).toMatchObject({ unit: "lab", result: "faster" });
    const oneLab = labs(401).map((m) => ({ ...m, lab: "one lab" }));
    expect(compareLostTime(labs(400), oneLab, 0.01)).toMatchObject({
      ...{ unit: "run", result: "no difference shown" },
    });
  });

  test("a difference that one lab makes is none between labs", () => {
    // One lab of the second side is slow; as single runs its four would not be independent either.
    const oneSlow = labs(401).map((m, i) => (i < 4 ? measured(5000 + i, { lab: "slow" }) : m));
    expect(compareLostTime(labs(400), oneSlow, 0.01)?.result).toBe("no difference shown");
  });

  test("of nothing is none", () => {
    expect(compareLostTime([], labs(400), 0.01)).toBeUndefined();
  });
});
