import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { readLosses } from "#harness/measure/loss-files.ts";
import { exampleMeasurement } from "#harness/model/examples.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import {
  CampaignFiles,
  type CampaignMeasurement,
  journalFile,
  lossesFile,
  seriesFile,
} from "./campaign-files.ts";
import { exampleLossRecord } from "./fake-world.ts";
import { keyOf } from "./schedule.ts";

const root = tempFolder("campaign-files");
let folders = 0;
const newFolder = (): string => join(root, String(++folders));

const measured = (run: number, change: Partial<Measurement> = {}): CampaignMeasurement => ({
  ...exampleMeasurement({ runId: "r", at: `t${run}`, ...change }),
  campaign: { name: "example", plan: "p", row: "row", run, lab: 2 },
});
const keep = (files: CampaignFiles, m: CampaignMeasurement): void => files.keep(m, exampleLossRecord(m));
const key = (run: number): string => keyOf({ row: "row", run });

test("what was kept is read again, with its loss records", () => {
  const folder = newFolder();
  const files = CampaignFiles.open(folder);
  keep(files, measured(1));
  keep(files, measured(2, { outcome: "fail" }));
  files.note({
    event: "run",
    at: "t",
    lab: 2,
    row: "row",
    run: 3,
    outcome: "no figure",
    ms: 1,
    reasons: ["why"],
  });
  const again = CampaignFiles.open(folder);
  expect(again.measurements).toEqual([measured(1), measured(2, { outcome: "fail" })]);
  expect(again.entries).toEqual(files.entries);
  expect(again.soFar()).toEqual({
    done: new Set([key(1), key(2)]),
    failedAttempts: new Map([[key(3), 1]]),
    lastLab: 2,
  });
});

test("spoiled measurements are kept and do not count: unknown ones, and those whose figures must not be published", () => {
  const files = CampaignFiles.open(newFolder());
  keep(files, measured(1, { outcome: "unknown" }));
  keep(files, measured(1, { at: "later", outcome: "unknown" }));
  keep(files, measured(2, { machineTroubles: ["a stall of 120 ms"] }));
  keep(files, measured(3));
  const { done, failedAttempts } = files.soFar();
  expect([...done]).toEqual([key(3)]);
  expect([...failedAttempts]).toEqual([
    [key(1), 2],
    [key(2), 1],
  ]);
});

test("an incomplete last line is cut, and so is a loss record whose measurement was never written", () => {
  const folder = newFolder();
  const files = CampaignFiles.open(folder);
  keep(files, measured(1));
  const whole = [seriesFile, lossesFile].map((name) => readFileSync(join(folder, name), "utf8"));
  appendFileSync(join(folder, lossesFile), `${JSON.stringify(exampleLossRecord(measured(2)))}\n`);
  appendFileSync(join(folder, seriesFile), '{"method":3,"scen');
  appendFileSync(join(folder, journalFile), '{"event":');
  // Reading does not change what another command may be writing.
  expect(CampaignFiles.read(folder).measurements).toEqual([measured(1)]);
  expect(readFileSync(join(folder, seriesFile), "utf8")).toMatch(/"scen$/);
  const again = CampaignFiles.open(folder);
  expect([seriesFile, lossesFile].map((name) => readFileSync(join(folder, name), "utf8"))).toEqual(whole);
  expect(readFileSync(join(folder, journalFile), "utf8")).toBe("");
  keep(again, measured(2));
  expect(CampaignFiles.open(folder).measurements.map((m) => m.campaign.run)).toEqual([1, 2]);
});

test("a loss record that was cut itself leaves the earlier ones", () => {
  const folder = newFolder();
  keep(CampaignFiles.open(folder), measured(1));
  const path = join(folder, lossesFile);
  const { length } = readFileSync(path);
  appendFileSync(path, JSON.stringify(exampleLossRecord(measured(2))));
  truncateSync(path, length + 100);
  CampaignFiles.open(folder);
  expect(readFileSync(path)).toHaveLength(length);
});

test("late spoiling changes the series, on disk and in memory", () => {
  const folder = newFolder();
  const files = CampaignFiles.open(folder);
  keep(files, measured(1));
  keep(files, measured(2));
  files.spoiled(new Set([key(2)]));
  for (const each of [files, CampaignFiles.open(folder)])
    expect(each.measurements.map((m) => m.outcome)).toEqual(["pass", "unknown"]);
});

test("an open verdict alone spoils nothing: left out, the longest outages would be cut off", () => {
  const folder = newFolder();
  const files = CampaignFiles.open(folder);
  const undecided = ["until then Kubernetes itself was slow"];
  keep(files, { ...measured(1), outcome: "unknown", undecided });
  keep(files, { ...measured(2), outcome: "unknown" });
  expect([...files.soFar().done]).toEqual([key(1)]);
  expect([...files.soFar().failedAttempts]).toEqual([[key(2), 1]]);
  // The host's samples spoil it all the same.
  files.spoiled(new Set([key(1)]));
  expect(CampaignFiles.open(folder).soFar().done.size).toBe(0);
});

test("loss records are packed, and read as they were", () => {
  const folder = newFolder();
  keep(CampaignFiles.open(folder), measured(1));
  const path = join(folder, lossesFile);
  expect(readLosses(path)).toEqual([exampleLossRecord(measured(1))]);
  writeFileSync(path, readFileSync(path, "utf8").replace(/"deflated":"..../, '"deflated":"AAAA'));
  expect(() => readLosses(path)).toThrow(expect.objectContaining({ code: "config-invalid" }));
});

test("a folder that does not exist is an empty campaign, and reading does not create it", () => {
  const folder = newFolder();
  expect(CampaignFiles.read(folder).measurements).toEqual([]);
  expect(existsSync(folder)).toBe(false);
});

test.each([
  ["a line that is no measurement", [`{"method":"x"}`], /series.ndjson, line 1, is malformed/],
  [
    "a measurement of no campaign",
    [JSON.stringify(exampleMeasurement())],
    /measurement 1, is of no campaign/,
  ],
  [
    "a run that is there twice",
    [measured(1), measured(1, { at: "later" })].map((m) => JSON.stringify(m)),
    /contains row #1 twice/,
  ],
])("%s is refused", (_, lines, why) => {
  const folder = newFolder();
  mkdirSync(folder);
  writeFileSync(join(folder, seriesFile), lines.map((line) => `${line}\n`).join(""));
  expect(() => CampaignFiles.open(folder)).toThrow(why);
});
