import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { measureFiles, measureSource } from "./limits.ts";

const root = join(import.meta.dirname, "../..");
const files = measureFiles(root, ["*.ts", "{harness,suites,scripts,docs}/**/*.ts"]);

/** Functions and parameters are limited by biome.json. */
const mostLines = 400;

test(`no file has more than ${mostLines} lines`, () => {
  expect(files.length).toBeGreaterThan(300);
  expect(files.filter((f) => f.lines > mostLines).map((f) => f.path)).toEqual([]);
});

test("no value is asserted to be there", () => {
  expect(files.filter((f) => f.assertions > 0).map((f) => f.path)).toEqual([]);
});

test("biome.json excepts no file from its limits", () => {
  expect(JSON.parse(readFileSync(join(root, "biome.json"), "utf8"))).not.toHaveProperty("overrides");
});

test("assertions are counted, but not text that resembles one", () => {
  const source = "const a = b!.c![0]!;\n/!\\./.test(`${d!}`) && !e;\nlet f!: string;\n// a!.b\n";
  expect(measureSource("a.ts", source)).toEqual({ path: "a.ts", lines: 4, assertions: 4 });
});
