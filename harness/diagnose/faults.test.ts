import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { faults } from "#harness/faults/index.ts";
import { namesOneOf } from "#harness/model/finding.ts";
import { completed, packFixture, unpackFixture } from "./fixture.ts";
import { diagnose } from "./index.ts";

const home = join(import.meta.dirname, "fixtures");
const files = globSync("*.json.gz", { cwd: home });

test("every fault that leaves a trace has a fixture", () => {
  const traced = faults.filter((f) => f.traceless === undefined).map((f) => `${f.name}.json.gz`);
  expect([...files].sort()).toEqual(traced.sort());
});

test.each(files.map((f) => basename(f, ".json.gz")))("%s is named first", (name) => {
  const fixture = unpackFixture(readFileSync(join(home, `${name}.json.gz`)), name);
  expect(unpackFixture(packFixture(fixture), name)).toEqual(fixture);
  const { fault, names, snapshot } = fixture;
  const [first] = diagnose(completed(snapshot));
  expect(fault).toBe(name);
  expect(namesOneOf(first, names), first?.message).toBe(true);
});
