import { expect, test } from "vitest";
import { exampleMeasurement, exampleSettingRecord } from "#harness/model/examples.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import { settingHashOf } from "#harness/model/setting.ts";
import { arePooled, whyNotPooled } from "./pool.ts";

function measuredIn(settingRecord = exampleSettingRecord(), change: Partial<Measurement> = {}): Measurement {
  return exampleMeasurement({
    ...{ application: "exits", sourceHash: "abc", settingRecord, settingHash: settingHashOf(settingRecord) },
    ...change,
  });
}
const one = measuredIn();
const { settingHash: _, settingRecord: __, ...unknownSetting } = one;
const { sourceHash: ___, ...unknownSource } = one;

test("measurements of fresh labs are pooled if both hashes are equal", () => {
  expect(arePooled(one, measuredIn(exampleSettingRecord(), { lab: "another", runId: "r2" }))).toBe(true);
  expect(whyNotPooled(one, measuredIn())).toEqual([]);
});

test.each([
  ["another tuning", measuredIn(exampleSettingRecord({ tuning: "untuned" })), ["tuning: tuned, untuned"]],
  ["other sources", measuredIn(undefined, { sourceHash: "def" }), ["sources that measure: abc, def"]],
  ["another method", measuredIn(undefined, { method: 2 }), [`method: ${one.method}, 2`]],
  ["an unknown source", unknownSource, ["sources that measure: abc, not known"]],
  ["an unknown setting", unknownSetting, [`setting: ${one.settingHash}, not known`]],
])("of %s they are not, and the reason is named", (_what, other, reasons) => {
  expect(arePooled(one, other)).toBe(false);
  expect(whyNotPooled(one, other)).toEqual(reasons);
});

test("two without hashes are not pooled", () => {
  expect(arePooled(exampleMeasurement(), exampleMeasurement())).toBe(false);
});

test("measurements of different scenarios, directions or applications need no reason", () => {
  for (const other of [
    measuredIn(undefined, { scenario: "agent restart" }),
    measuredIn(undefined, { struck: "west" }),
    measuredIn(undefined, { application: "killed" }),
  ]) {
    expect(arePooled(one, other)).toBe(false);
    expect(whyNotPooled(one, other)).toEqual([]);
  }
});
