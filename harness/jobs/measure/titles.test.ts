import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type CampaignPlan, campaignPlanSchema } from "#harness/config/campaign-plan.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { withoutCount } from "#harness/testkit/selection.ts";
import { loadSuites } from "#harness/testkit/suite-list.ts";
import { prepareCampaign } from "./index.ts";
import type { Batch } from "./schedule.ts";
import { exitCodeOfCampaign, scheduleLines, summaryOf } from "./summary.ts";
import { pickTitles, resolveRows } from "./titles.ts";

const suites = await loadSuites();
const clusters = ["east", "west"];
const planOf = (...rows: object[]): CampaignPlan =>
  campaignPlanSchema.parse({ name: "x", seed: 1, settings: { tuned: { labFile: "lab.yaml" } }, rows });
const row = { scenario: "scale to zero", affinity: "remote", runs: 4, labs: 1 };
const resolve = (...rows: object[]) =>
  resolveRows(planOf(...rows), { file: "plan.yaml", suites, clustersOf: () => clusters });

test("a row finds its suite and one test for each direction, also where directions alternate", () => {
  expect(resolve(row, { ...row, scenario: "agent restart" })).toMatchObject([
    {
      suite: "failover-affinity",
      directions: 2,
      titles: [
        "east -> west > scale to zero, affinity remote, and back",
        "west -> east > scale to zero, affinity remote, and back",
      ],
    },
    { name: "agent restart, affinity remote", suite: "failover-mesh", directions: 2 },
  ]);
});

test("an application is part of a row", () => {
  const drains = { ...row, scenario: "rolling restart", affinity: "local", application: "drains" };
  const [found] = resolve({ ...drains, suite: "failover-applications" });
  expect(found?.titles[0]).toBe(
    "east -> west > rolling restart, affinity local, application drains, and back",
  );
  const [exits] = resolve({ ...drains, application: "exits", suite: "failover-rollout" });
  expect(exits?.titles[0]).toBe("east -> west > rolling restart, affinity local, and back");
});

test.each([
  [
    "an unknown scenario",
    { scenario: "scale to nil" },
    'rows.1.scenario: no suite measures "scale to nil, affinity remote"',
  ],
  [
    "a suite without it",
    { suite: "failover" },
    'rows.1.scenario: failover does not measure "scale to zero, affinity remote"',
  ],
  ["several suites", { affinity: "local" }, "rows.1.suite: several suites measure"],
])("%s is refused with file and row", (_, change, message) => {
  expect(() => resolve({ ...row, scenario: "agent restart" }, { ...row, ...change })).toThrow(
    expect.objectContaining({
      code: "config-invalid",
      message: expect.stringContaining(`plan.yaml: ${message}`),
    }),
  );
});

const list = (suite: string) => (repeat: number) =>
  suites
    .filter((s) => s.info.name === suite)
    .flatMap((s) => s.tests({ clusters, repeat }).map((t) => t.title));

test("each run of a batch gets a test of its own, in the batch's order", () => {
  const rows = resolve({ ...row, scenario: "agent restart" }, { ...row, scenario: "cluster lost" });
  const run = (name: string, number: number, direction: number) => ({
    row: `${name}, affinity remote`,
    run: number,
    direction,
  });
  const runs = [
    run("cluster lost", 3, 1),
    run("agent restart", 1, 0),
    run("cluster lost", 1, 1),
    run("agent restart", 2, 0),
    run("agent restart", 4, 1),
  ];
  const batch: Batch = { suite: "failover-mesh", runs };
  const { repeat, titles, runOf } = pickTitles(batch, rows, list("failover-mesh"));
  expect(new Set(titles).size).toBe(5);
  expect(titles.map((title) => runOf.get(title))).toEqual(runs);
  expect(titles.map(withoutCount)).toEqual([
    "west -> east > cluster lost, affinity remote, and back",
    "east -> west > agent restart, affinity remote, and back",
    "west -> east > cluster lost, affinity remote, and back",
    "east -> west > agent restart, affinity remote, and back",
    "west -> east > agent restart, affinity remote, and back",
  ]);
  const all = list("failover-mesh")(repeat);
  expect(titles.filter((title) => !all.includes(title))).toEqual([]);
});

test("a single run needs no repetition", () => {
  const batch: Batch = {
    suite: "failover-affinity",
    runs: [{ row: "scale to zero, affinity remote", run: 1, direction: 1 }],
  };
  expect(pickTitles(batch, resolve(row), list("failover-affinity"))).toMatchObject({
    repeat: 1,
    titles: ["west -> east > scale to zero, affinity remote, and back"],
  });
});

test("titles that a suite does not list are a defect that is named", () => {
  const batch: Batch = {
    suite: "failover-affinity",
    runs: [{ row: "scale to zero, affinity remote", run: 1, direction: 1 }],
  };
  expect(() => pickTitles(batch, resolve(row), () => [])).toThrow(/does not list west -> east/);
});

beforeEach(() => {
  vi.stubEnv("MESHPROOF_REPORTS", tempFolder("plans"));
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const campaigns = join(repoRoot(), "reports/campaigns");
const plans = readdirSync(campaigns, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

test("plans are checked in", () => {
  expect(plans.length).toBeGreaterThan(3);
});

test.each(plans)("the plan %s can be measured, and meets the rule on sample sizes", async (name) => {
  const prepared = await prepareCampaign({ file: join(campaigns, name, "plan.yaml"), lab: "measure" });
  const { campaign, files, plan } = prepared;
  expect(plan.name).toBe(name);
  for (const { runs, labs, seconds } of plan.rows) {
    const isLong = seconds > 120;
    expect(runs).toBeGreaterThanOrEqual(isLong ? 5 : 10);
    expect(labs).toBeGreaterThanOrEqual(isLong ? 2 : runs >= 20 ? 5 : 3);
  }
  const summary = summaryOf(campaign, files);
  expect(summary).toMatchObject({ measured: 0, complete: false });
  expect(summary.leftMs).toBe(summary.totalMs);
  expect(exitCodeOfCampaign(summary)).toBe(3);
  expect(scheduleLines(campaign, files).filter((line) => line.startsWith("lab "))).toHaveLength(
    campaign.schedule.length,
  );
});
