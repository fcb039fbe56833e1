import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { exampleMeasurement } from "#harness/model/examples.ts";
import { appendToSeries, readSeries } from "./series.ts";

const dir = mkdtempSync(join(tmpdir(), "meshproof-series-"));
afterAll(() => rmSync(dir, { recursive: true }));

const measurement = exampleMeasurement();

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
