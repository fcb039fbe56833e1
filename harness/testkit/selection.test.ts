import { expect, test } from "vitest";
import { defineSuite, type When } from "./define-suite.ts";
import { type Selection, select } from "./selection.ts";
import type { ListedSuite } from "./suite-list.ts";

const suite = (name: string, tags: string[], titles: string[]): ListedSuite => {
  const { definition, tests } = defineSuite(
    { name, tags, when: "core" as When, goal: "", method: "", failureMeans: "" },
    ({ pairs, test }) => {
      for (const pair of pairs) for (const title of titles) test(`${pair.name} > ${title}`, async () => {});
    },
  );
  return { info: definition, file: `/${name}`, tests };
};
const suites = [
  suite("paths", ["nodes"], ["TCP", "UDP"]),
  suite("services", ["services"], ["local"]),
  suite("policy", ["services", "slow"], ["TCP"]),
];
const chosen = (selection: Selection, repeat = 1) => {
  const { suites: left, tests } = select(suites, selection, { clusters: ["east", "west"], repeat });
  return { suites: left.map((s) => s.info.name), tests };
};

test("an empty selection selects everything", () => {
  expect(chosen({})).toEqual({ suites: ["paths", "services", "policy"], tests: {} });
});

test.each([
  ["a tag", { tags: ["services"] }, ["services", "policy"], {}],
  ["one of two tags", { tags: ["nodes", "slow"] }, ["paths", "policy"], {}],
  ["a title", { tests: ["east -> west > UDP"] }, ["paths"], { paths: ["east -> west > UDP"] }],
  ["a full name", { tests: ["policy > * > TCP"] }, ["policy"], {}],
  ["a suite left out", { exclude: ["paths", "services"] }, ["policy"], {}],
  [
    "tests left out",
    { exclude: ["* > UDP"] },
    ["paths", "services", "policy"],
    { paths: ["east -> west > TCP", "west -> east > TCP"] },
  ],
  [
    "what failed before",
    { only: [{ suite: "policy" }, { suite: "paths", test: "east -> west > TCP (2 of 3)" }] },
    ["paths", "policy"],
    { paths: ["east -> west > TCP"] },
  ],
])("%s", (_, selection, names, tests) => {
  expect(chosen(selection)).toEqual({ suites: names, tests });
});

test.each([
  [{ tags: ["nosuch"] }, "--tag nosuch"],
  [{ tests: ["* > TCP", "nosuch"] }, "--test nosuch"],
  [{ exclude: ["nosuch"] }, "--exclude nosuch"],
  [{ exclude: ["*"] }, "--exclude *"],
  [{ only: [] }, "--rerun-failed"],
  [{ shard: { index: 4, count: 4 } }, "--shard 4/4"],
])("a pattern without matches is named: %j", (selection, name) => {
  expect(() => chosen(selection)).toThrow(`${name} matches no test`);
});

test("a pattern matches all repetitions of a test", () => {
  const { suites: left, tests } = chosen({ tests: ["services > east -> west > local"] }, 2);
  expect(left).toEqual(["services"]);
  expect(tests.services).toEqual(["east -> west > local (1 of 2)", "east -> west > local (2 of 2)"]);
});

test("exact titles are selected in their own order, and one that is not listed is refused", () => {
  const titles = { paths: ["west -> east > UDP (2 of 2)", "east -> west > TCP (1 of 2)"] };
  expect(chosen({ titles }, 2)).toEqual({ suites: ["paths"], tests: titles });
  expect(() => chosen({ titles })).toThrow(/paths > west -> east > UDP \(2 of 2\)" matches no test/);
  expect(() => chosen({ titles: {} })).toThrow(/an empty list of titles/);
});
