import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { measureFiles, measureSource } from "./limits.ts";

const root = join(import.meta.dirname, "../..");
const files = measureFiles(root, ["*.ts", "{harness,suites,scripts,docs}/**/*.ts"]);

/** Functions and parameters are limited by biome.json. */
const mostLines = 400;
/** Files that still must be split. */
const longer: readonly string[] = [];
/** In the whole repository, including tests. Lower it with every removal: the goal is 60. */
const mostAssertions = 187;

const exceptions = z
  .object({
    overrides: z.array(z.object({ includes: z.array(z.string()), linter: z.object({ rules: z.json() }) })),
  })
  .parse(JSON.parse(readFileSync(join(root, "biome.json"), "utf8"))).overrides;

test(`no file has more than ${mostLines} lines`, () => {
  expect(files.length).toBeGreaterThan(300);
  expect(files.filter((f) => f.lines > mostLines).map((f) => f.path)).toEqual(longer);
});

test("the number of non-null assertions does not grow", () => {
  expect(files.reduce((sum, f) => sum + f.assertions, 0)).toBeLessThanOrEqual(mostAssertions);
});

test("files that biome.json excepts from its limits exist and need it", () => {
  for (const { includes, linter } of exceptions)
    for (const pattern of includes) {
      const excepted = measureFiles(root, [pattern]);
      expect(excepted.length, pattern).toBeGreaterThan(0);
      if (JSON.stringify(linter).includes("noNonNullAssertion"))
        expect(Math.max(...excepted.map((f) => f.assertions)), pattern).toBeGreaterThan(0);
    }
});

test("assertions are counted, but not text that resembles one", () => {
  const source = "const a = b!.c![0]!;\n/!\\./.test(`${d!}`) && !e;\nlet f!: string;\n// a!.b\n";
  expect(measureSource("a.ts", source)).toEqual({ path: "a.ts", lines: 4, assertions: 4 });
});
