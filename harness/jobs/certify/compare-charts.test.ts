import { expect, test } from "vitest";
import { changedSettings, unknownValues } from "./compare-charts.ts";

test("settings that two charts render differently are reported, with the meaning of the one that narrows policies", () => {
  expect(
    changedSettings({ a: "1", gone: "x" }, { a: "1", "policy-default-local-cluster": "true", devices: "" }),
  ).toMatchObject([
    {
      id: "setting-internal",
      grade: "information",
      message: expect.stringContaining("devices: not set before"),
    },
    {
      id: "setting-unknown",
      grade: "caution",
      message: 'setting gone: "x" before, not set after; what this means is not in the table of settings',
    },
    {
      id: "setting-changes-meaning",
      grade: "caution",
      message: expect.stringContaining("selects pods of its own cluster only"),
    },
  ]);
});

test("values that the new chart does not know are named by their path; free-form maps take anything", () => {
  const known = { clustermesh: { config: { enabled: false } }, extraConfig: {} };
  const own = { clustermesh: { config: { enabledd: true } }, extraConfig: { any: 1 }, old: 1, dropped: null };
  expect(unknownValues(own, known)).toEqual(["clustermesh.config.enabledd", "old"]);
});
