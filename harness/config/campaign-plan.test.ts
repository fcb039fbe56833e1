import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { readCampaignPlan, rowName, settingOfRow } from "./campaign-plan.ts";

const dir = tempFolder("campaign-plan");
const file = join(dir, "plan.yaml");
const plan = {
  name: "example",
  seed: 7,
  settings: {
    tuned: { labFile: "labs/lab.yaml", cilium: "1.20.2" },
    untuned: { labFile: "/labs/untuned.yaml" },
  },
  rows: [
    { scenario: "scale to zero", affinity: "local", setting: "tuned", runs: 20, labs: 5 },
    {
      scenario: "scale to zero",
      affinity: "local",
      setting: "untuned",
      application: "killed",
      runs: 10,
      labs: 3,
    },
  ],
};
const read = (change: object) => {
  writeFileSync(file, JSON.stringify({ ...plan, ...change }));
  return readCampaignPlan(file);
};

test("lab files are relative to the plan, and rows have names and settings", async () => {
  const { settings, rows, ...others } = await read({});
  expect(settings.tuned?.labFile).toBe(join(dir, "labs/lab.yaml"));
  expect(settings.untuned?.labFile).toBe("/labs/untuned.yaml");
  expect(rows.map(rowName)).toEqual([
    "scale to zero, affinity local, setting tuned",
    "scale to zero, affinity local, application killed, setting untuned",
  ]);
  expect(others).toEqual({ name: "example", seed: 7, runsPerSetUp: 4, attempts: 3 });
});

test("with one setting a row need not name it", async () => {
  const [row] = plan.rows;
  const { setting: _, ...unnamed } = row ?? {};
  const read1 = await read({ settings: { tuned: plan.settings.tuned }, rows: [unnamed] });
  expect(read1.rows.map((r) => settingOfRow(read1, r))).toEqual(["tuned"]);
});

const [first, second] = plan.rows;
test.each([
  ["an unknown key", { more: 1 }, /Unrecognized key: "more"/],
  ["a name that is no folder", { name: "../x" }, /name: lower-case letters/],
  ["no setting", { settings: {} }, /settings: name at least one setting/],
  ["a setting that no row has", { rows: [first] }, /settings.untuned: no row has this setting/],
  [
    "an unknown setting",
    { rows: [first, { ...second, setting: "other" }] },
    /rows.1.setting: there is no setting other/,
  ],
  [
    "no setting where there are two",
    { rows: [first, { ...second, setting: undefined }] },
    /rows.1.setting: name one of/,
  ],
  [
    "the same row twice",
    { rows: [first, second, first] },
    /rows.2.scenario: a second row is named "scale to zero/,
  ],
  [
    "fewer runs than labs",
    { rows: [first, { ...second, runs: 2 }] },
    /rows.1.labs: there are fewer runs than labs/,
  ],
  [
    "an unknown affinity",
    { rows: [first, { ...second, affinity: "near" }] },
    /rows.1.affinity: Invalid option/,
  ],
])("%s is refused with file and place", async (_, change, why) => {
  await expect(read(change)).rejects.toThrow(
    expect.objectContaining({ code: "config-invalid", message: expect.stringMatching(why) }),
  );
  await expect(read(change)).rejects.toThrow(file);
});
