import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
/** A call of `quantile` or `sortedQuantile` for 0.5; its first argument may hold calls of functions on functions. */
const ofHalf = /\b(?:quantile|sortedQuantile)\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*,\s*0\.50?,?\s*\)/g;

/** By nearest rank an even number of values has the lower middle one, which is not its median. */
const halves = (source: string): readonly string[] => source.match(ofHalf) ?? [];

test("every median is that of lib/stats.ts", () => {
  const files = globSync("{harness,suites,scripts}/**/*.ts", { cwd: root }).filter(
    (f) => !f.endsWith(".test.ts"),
  );
  expect(files.length).toBeGreaterThan(100);
  expect(
    files.flatMap((file) => halves(readFileSync(join(root, file), "utf8")).map((call) => `${file}: ${call}`)),
  ).toEqual([]);
});

test.each([
  "quantile(values, 0.5)",
  "quantile(\n  runs.map((r) => r.cpuMs + r.requestsMs),\n  0.5,\n)",
  "sortedQuantile(sorted, 0.5)",
])("%s is found", (call) => {
  expect(halves(`const x = ${call};`)).toEqual([call]);
});

test("other quantiles are not", () => {
  expect(halves("quantile(values, 0.95); quantile(latencies, q); atMost(r, count, 0.5)")).toEqual([]);
});
