import { expect, test } from "vitest";
import { calibrate } from "./calibration.ts";

test("the task is repeated, and the median of the repetitions is its time", async () => {
  const { medianMs, runs } = await calibrate(3);
  expect(runs).toHaveLength(3);
  const totals = runs.map((r) => r.cpuMs + r.requestsMs).sort((a, b) => a - b);
  expect(medianMs).toBeCloseTo(totals[1] ?? Number.NaN, 1);
  for (const run of runs) {
    expect(run.cpuMs).toBeGreaterThan(1);
    expect(run.requestsMs).toBeGreaterThan(1);
  }
});
