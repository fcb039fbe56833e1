import { expect, test } from "vitest";
import { measuredMsOf, measuredShare } from "./measured-time.ts";

const every = (everyMs: number, from: number, to: number): { sentMs: number }[] =>
  Array.from({ length: (to - from) / everyMs }, (_, i) => ({ sentMs: from + i * everyMs }));
const interval = { sinceMs: 0, untilMs: 60_000, everyMs: 200 };

test("a stream that sends all the time measures all of it", () => {
  expect(measuredMsOf({ ...interval, samples: every(200, 0, 60_000) })).toBe(60_000);
});

test("a pause in the middle, at the beginning and at the end is not measured", () => {
  const samples = [...every(200, 5000, 20_000), ...every(200, 30_000, 55_000)];
  expect(measuredMsOf({ ...interval, samples })).toBe(60_000 - 4800 - 10_000 - 5000);
});

test("a short stall and requests outside the interval change nothing", () => {
  const samples = [...every(200, -5000, 20_000), ...every(200, 20_700, 70_000)];
  expect(measuredMsOf({ ...interval, samples })).toBe(60_000);
});

test("without a request nothing is measured", () => {
  expect(measuredMsOf({ ...interval, samples: every(200, 70_000, 80_000) })).toBe(0);
});

test("the share counts interruptions, and is zero for nothing", () => {
  const phases = [
    { durationMs: 100, measuredMs: 100 },
    { durationMs: 100, measuredMs: 90 },
  ];
  expect(measuredShare(phases)).toBe(0.95);
  expect(measuredShare(phases, [{ durationMs: 50 }])).toBe(0.76);
  expect(measuredShare([])).toBe(0);
});
