import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { meshproofVersion } from "./meshproof-version.ts";

const root = join(import.meta.dirname, "../..");

test("the version is package.json's, and no source file repeats it", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  expect(meshproofVersion).toBe(manifest.version);
  const repeating = globSync("{harness,scripts,suites}/**/*.ts", { cwd: root }).filter((file) =>
    readFileSync(join(root, file), "utf8").includes(`"${meshproofVersion}"`),
  );
  expect(repeating).toEqual([]);
});

test("the license is the one that package.json names", () => {
  const text = readFileSync(join(root, "LICENSE"), "utf8");
  expect(text).toContain("Apache License\n                           Version 2.0, January 2004");
  expect(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).license).toBe("Apache-2.0");
});
