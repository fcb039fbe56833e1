import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Measurement } from "#harness/core/measurement.ts";
import { appendToSeries, readSeries } from "./series.ts";

const dir = mkdtempSync(join(tmpdir(), "meshproof-series-"));
afterAll(() => rmSync(dir, { recursive: true }));

const none = { recovered: true, outageMs: 0, longestGapMs: 0, lost: 0, lossOutcomes: {} };
const measurement: Measurement = {
  method: 1,
  scenario: "scale to zero",
  affinity: "local",
  struck: "east",
  client: "east",
  runId: "r",
  at: "",
  setting: { cilium: "1", kubernetes: "1", kernel: "6", machine: "2", imageSource: "source" },
  outcome: "pass",
  away: none,
  back: none,
  phases: {
    seen: [],
    lastGoodAfterMs: null,
    firstErrorAfterMs: null,
    firstNewAfterMs: null,
    stableAfterMs: null,
    links: [],
    unexplainedMs: 0,
  },
  others: [],
  connections: [],
  prober: { latenessP99Ms: 1, cpuShare: 0.2, allCpuShare: 0.4, everyMs: 5, sent: 1000 },
};

test("a series grows over runs, also over one that was killed in the middle of a line", () => {
  const path = join(dir, "deep/s.ndjson");
  expect(readSeries(path)).toEqual([]);
  appendToSeries(path, measurement);
  appendFileSync(path, '{"method":1,"scen');
  expect(readSeries(path)).toEqual([measurement]);
  appendToSeries(path, { ...measurement, affinity: "none" });
  expect(readSeries(path).map((m) => m.affinity)).toEqual(["local", "none"]);
});

test("what is no series is refused with the place", () => {
  const path = join(dir, "bad.ndjson");
  writeFileSync(path, `${JSON.stringify(measurement)}\n{"method":"x"}\n`);
  expect(() => readSeries(path)).toThrow(/bad.ndjson, line 2/);
});
