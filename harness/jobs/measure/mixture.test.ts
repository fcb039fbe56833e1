import { expect, test } from "vitest";
import { exampleMeasurement, exampleSettingRecord } from "#harness/model/examples.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import type { CampaignMeasurement } from "./campaign-files.ts";
import { refuseMixture, refuseOtherPart } from "./mixture.ts";

const stamp = { name: "example", plan: "p", row: "row", run: 1, lab: 1 };
const measured = (change: Partial<Measurement> = {}, row = "row"): CampaignMeasurement => ({
  ...exampleMeasurement({ sourceHash: "s", sourceTree: "clean", settingHash: "h", tuned: true, ...change }),
  campaign: { ...stamp, row },
});
const machine = { cores: 2, memoryGiB: 8, kernel: "6.18" };
const now = { plan: "p", source: { hash: "s", tree: "clean" }, machine } as const;
const place = { series: "series.ndjson", newPart: "--part NAME" };

test("a series is continued with the same plan, method and sources", () => {
  refuseOtherPart([], now, place);
  refuseOtherPart([measured(), measured()], now, place);
});

test.each([
  ["another plan", measured(), { ...now, plan: "q" }, "another plan"],
  ["another method", measured({ method: 1 }), now, "method 1"],
  ["other sources", measured(), { ...now, source: { hash: "t", tree: "clean" } }, "other sources"],
  [
    "a changed tree",
    measured(),
    { ...now, source: { hash: "s", tree: "changed" } },
    "a working tree without changes",
  ],
] as const)("%s is refused, with the option that begins a new part", (_, earlier, current, why) => {
  expect(() => refuseOtherPart([measured(), earlier], current, place)).toThrow(
    expect.objectContaining({
      code: "config-conflict",
      message: expect.stringContaining(`series.ndjson was measured with ${why}`),
      remedy: expect.stringContaining("--part NAME"),
    }),
  );
});

test("another class of machine is refused before its first run, except after a spoiled one alone", () => {
  const elsewhere = { ...now, machine: { ...machine, cores: 16 } };
  const settingRecord = exampleSettingRecord({ machine });
  expect(() => refuseOtherPart([measured({ settingRecord })], elsewhere, place)).toThrow(
    "another machine: 2 cores, 8 GiB, kernel 6.18; this is 16 cores, 8 GiB, kernel 6.18",
  );
  refuseOtherPart([measured({ settingRecord })], now, place);
  refuseOtherPart([measured({ settingRecord, outcome: "unknown" })], elsewhere, place);
});

test("a spoiled measurement binds nothing", () => {
  const odd = measured({ settingHash: "odd", machineTroubles: ["stood still"] });
  refuseMixture([odd], measured(), "--part NAME");
  expect(() => refuseMixture([odd, measured()], measured({ settingHash: "odd" }), "--part NAME")).toThrow(
    "row: setting is ",
  );
});

test("a new measurement is kept beside others of the same setting, and of other rows", () => {
  refuseMixture([], measured(), "--part NAME");
  refuseMixture([measured()], measured(), "--part NAME");
  refuseMixture([measured()], measured({ settingHash: "other" }, "other row"), "--part NAME");
});

test.each([
  ["method", { method: 1 }],
  ["sourceHash", { sourceHash: "t" }],
  ["setting", { settingHash: "g" }],
  ["tuned", { tuned: false }],
  ["application", { application: "killed" }],
] as const)("another %s is refused", (what, change) => {
  expect(() => refuseMixture([measured()], measured(change), "--part NAME")).toThrow(`row: ${what} is `);
});

test("without a hash the whole setting must be equal", () => {
  const { settingHash: _, ...plain } = measured();
  const other = { ...plain, setting: { ...plain.setting, kernel: "7" } };
  refuseMixture([plain], plain, "--part NAME");
  expect(() => refuseMixture([plain], other, "--part NAME")).toThrow(/row: setting is .*"kernel":"7"/);
});
