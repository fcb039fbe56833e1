import { expect, test } from "vitest";
import { exampleMeasurement } from "#harness/model/examples.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import type { CampaignMeasurement } from "./campaign-files.ts";
import { refuseMixture, refuseOtherPart } from "./mixture.ts";

const stamp = { name: "example", plan: "p", row: "row", run: 1, lab: 1 };
const measured = (change: Partial<Measurement> = {}, row = "row"): CampaignMeasurement => ({
  ...exampleMeasurement({ sourceHash: "s", sourceTree: "clean", settingHash: "h", tuned: true, ...change }),
  campaign: { ...stamp, row },
});
const now = { plan: "p", source: { hash: "s", tree: "clean" } } as const;
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
