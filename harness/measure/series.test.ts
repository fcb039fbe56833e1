import { appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { exampleMeasurement } from "#harness/model/examples.ts";
import { appendToSeries, correctSeries, readSeries } from "./series.ts";

const dir = tempFolder("series");
afterAll(() => rmSync(dir, { recursive: true }));

const measurement = exampleMeasurement();

test("a series grows over runs, even after a killed run left an incomplete line", () => {
  const path = join(dir, "deep/s.ndjson");
  expect(readSeries(path)).toEqual([]);
  appendToSeries(path, measurement);
  appendFileSync(path, '{"method":1,"scen');
  expect(readSeries(path)).toEqual([measurement]);
  appendToSeries(path, { ...measurement, affinity: "none" });
  expect(readSeries(path).map((m) => m.affinity)).toEqual(["local", "none"]);
});

test("a file that is not a series is refused, naming the line", () => {
  const path = join(dir, "bad.ndjson");
  writeFileSync(path, `${JSON.stringify(measurement)}\n{"method":"x"}\n`);
  expect(() => readSeries(path)).toThrow(
    expect.objectContaining({
      code: "config-invalid",
      message: expect.stringContaining(
        "bad.ndjson, line 2, is malformed: method: expected number, found string",
      ),
    }),
  );
  writeFileSync(path, `{"method":\n`);
  expect(() => readSeries(path)).toThrow(/bad.ndjson, line 1, is not JSON/);
});

test("a correction changes only its own lines and keeps those of a later Meshproof", () => {
  const path = join(dir, "later.ndjson");
  const later = JSON.stringify({ ...measurement, later: { any: 1 } });
  const spoiled = { ...measurement, at: "then" };
  writeFileSync(path, `${later}\n${JSON.stringify(spoiled)}\n`);
  correctSeries(path, (m) => (m.at === "then" ? { ...m, outcome: "unknown" } : undefined));
  expect(readFileSync(path, "utf8")).toBe(
    `${later}\n${JSON.stringify({ ...spoiled, outcome: "unknown" })}\n`,
  );
  expect(readSeries(path)).toEqual([measurement, { ...spoiled, outcome: "unknown" }]);
});
