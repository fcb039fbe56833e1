import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { exampleMeasurement } from "#harness/model/examples.ts";
import { passed, unknownBecause } from "#harness/model/verdict.ts";
import { BaselineRuns } from "./baseline-runs.ts";

const dir = tempFolder("baseline-runs");
afterAll(() => rmSync(dir, { recursive: true }));

const plain = exampleMeasurement();
const measured = (lostTimeMs: number) =>
  exampleMeasurement({ lab: "a", away: { ...plain.away, lostTimeMs, lost: 1 } });
const baseline = join(dir, "baseline.ndjson");
writeFileSync(
  baseline,
  Array.from({ length: 10 }, (_, i) => `${JSON.stringify(measured(400 + i))}\n`).join(""),
);
const budgets = { baselineRuns: 10, baselineErrorRate: 0.01 };

test("the runs of a direction are compared after its last repetition, without those that the test machine spoiled", () => {
  const slower = new BaselineRuns();
  for (let i = 0; i < 9; i++) {
    const run = { measurement: measured(900 + i), last: false, baseline, budgets };
    expect(slower.verdictOf({ ...run, verdict: passed })).toEqual(passed);
  }
  const spoiled = { measurement: measured(1), verdict: unknownBecause(["late"]), last: false };
  slower.verdictOf({ ...spoiled, baseline, budgets });
  const last = { measurement: measured(910), verdict: passed, last: true, budgets };
  expect(slower.verdictOf({ ...last, baseline })).toMatchObject({
    outcome: "fail",
    reasons: [expect.stringContaining("over 10 runs")],
  });
  expect(new BaselineRuns().verdictOf({ ...last, baseline: undefined })).toEqual(passed);
});

test("a run that is only undecided is compared", () => {
  const slower = new BaselineRuns();
  for (let i = 0; i < 9; i++) {
    const verdict = unknownBecause(["Kubernetes was slow"]);
    const measurement = { ...measured(900 + i), undecided: ["Kubernetes was slow"] };
    slower.verdictOf({ measurement, verdict, last: false, baseline, budgets });
  }
  const last = { measurement: measured(910), verdict: passed, last: true, budgets, baseline };
  expect(slower.verdictOf(last)).toMatchObject({
    outcome: "fail",
    reasons: [expect.stringContaining("over 10 runs")],
  });
});

test("a single run cannot be told from the baseline: no verdict", () => {
  const run = { measurement: measured(900), verdict: passed, last: true, baseline, budgets };
  expect(new BaselineRuns().verdictOf(run).outcome).toBe("unknown");
});
