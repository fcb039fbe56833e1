import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { readKnownDefects } from "#harness/config/known-defects.ts";
import { faults } from "#harness/faults/index.ts";
import { namesOneOf } from "#harness/model/finding.ts";
import { completed, packFixture, unpackFixture } from "./fixture.ts";
import { diagnose } from "./index.ts";

const listedDefects = await readKnownDefects(join(import.meta.dirname, "../../suites"));

const home = join(import.meta.dirname, "fixtures");
const files = globSync("*.json.gz", { cwd: home });

/** Faults that no run has recorded yet. */
const awaited = z
  .array(z.string())
  .parse(parseYaml(readFileSync(join(home, "../../faults/awaited-fixtures.yaml"), "utf8")));

test("every fault that leaves a trace has a fixture", () => {
  const traced = faults.filter((f) => f.traceless === undefined).map((f) => f.name);
  expect(awaited.filter((name, i) => !traced.includes(name) || awaited.indexOf(name) !== i)).toEqual([]);
  const expected = traced.filter((name) => !awaited.includes(name)).map((name) => `${name}.json.gz`);
  expect([...files].sort()).toEqual(expected.sort());
});

/** Faults of a tester, injected by hand on a real mesh: the library has none of them. */
const byHand = globSync("by-hand/*.json.gz", { cwd: home });

test.each([...files, ...byHand].map((f) => f.slice(0, -".json.gz".length)))("%s is named first", (file) => {
  const name = basename(file);
  const fixture = unpackFixture(readFileSync(join(home, `${file}.json.gz`)), name);
  expect(unpackFixture(packFixture(fixture), name)).toEqual(fixture);
  const { fault, names, snapshot } = fixture;
  const [first] = diagnose(completed(snapshot), listedDefects);
  expect(fault).toBe(name);
  expect(namesOneOf(first, names), first?.message).toBe(true);
});

test("what a tester injected by hand has its own fixtures", () => {
  expect(byHand.length).toBeGreaterThanOrEqual(10);
});
