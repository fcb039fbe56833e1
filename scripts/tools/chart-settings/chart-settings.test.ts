import { expect, test } from "vitest";
import type { ChartSetting } from "#harness/semantics/chart-settings.ts";
import { tableMistakes } from "./chart-settings.ts";

const row: ChartSetting = {
  setting: "a",
  defaults: { "1.18.6": null, "1.19.1": "1" },
  kind: "internal",
  means: "x",
  source: "y",
};
const rendered = (old: Record<string, string>, now: Record<string, string>) =>
  new Map([
    ["1.18.11", [old]],
    ["1.19.7", [now]],
  ]);

test("a setting that the table does not have is named with the versions at which it changes", () => {
  expect(tableMistakes([row], rendered({ same: "x" }, { same: "x", b: "2" }))).toEqual([
    'b is not in the table: 1.18.11 nothing, 1.19.7 "2"',
  ]);
});

test("a default that the chart does not write is named", () => {
  expect(tableMistakes([row], rendered({}, { a: "1" }))).toEqual([]);
  expect(tableMistakes([row], rendered({}, { a: "2" }))).toEqual([
    'a: the chart of 1.19.7 writes "2", the table says "1"',
  ]);
});
