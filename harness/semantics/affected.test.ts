import { expect, test } from "vitest";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import { affects, settingsOf } from "./affected.ts";

const defect: KnownDefect = {
  id: "one",
  what: "nothing is read",
  affected: [">=1.20.0 <=1.20.2"],
  fixedIn: [],
  when: { mode: ["prefer-new", "only-new"], slices: [null, "false"] },
  tests: [{ suite: "services", test: "*" }],
  source: ["a line"],
};

test.each([
  ["1.20.2", { mode: "prefer-new" }, true],
  ["1.20.0", { mode: "only-new", slices: "false" }, true],
  ["1.20.2", { mode: "only-new", slices: "true" }, false],
  ["1.20.2", { mode: "prefer-old" }, false],
  ["1.20.2", {}, false],
  ["1.20.3", { mode: "only-new" }, false],
  ["1.19.7", { mode: "only-new" }, false],
])("Cilium %s with %j is affected: %s", (cilium, settings, affected) => {
  expect(affects(defect, { name: "east", cilium, settings })).toBe(affected);
});

test("the settings to read are those of all defects, once", () => {
  expect(settingsOf([defect, { ...defect, id: "two", when: { mode: "x", other: "y" } }])).toEqual([
    "mode",
    "slices",
    "other",
  ]);
});
