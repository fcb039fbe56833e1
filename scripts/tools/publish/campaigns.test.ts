import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { labFileOf } from "#harness/config/profiles.ts";
import { CampaignFiles, type CampaignMeasurement } from "#harness/jobs/measure/campaign-files.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { exampleMeasurement } from "#harness/model/examples.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import { readCampaigns } from "./campaigns.ts";

const plan = `name: example
seed: 1
settings:
  tuned: { labFile: lab.yaml }
rows:
  - { scenario: scale to zero, affinity: local, runs: 3, labs: 1 }
  - { scenario: scale to zero, affinity: none, runs: 1, labs: 1 }
`;

function measured(run: number, change: Partial<Measurement> = {}): CampaignMeasurement {
  const row = `scale to zero, affinity ${change.affinity ?? "local"}`;
  return {
    ...exampleMeasurement({ runId: "r", at: `t${run} ${row}`, tuned: true, ...change }),
    campaign: { name: "example", plan: "p", row, run, lab: 1 },
  };
}

let roots = 0;
const root = tempFolder("campaigns");

/** A repository with one campaign, opened for writing. */
function newCampaign(): { readonly root: string; readonly files: CampaignFiles } {
  const repository = join(root, String(++roots));
  const folder = join(repository, "reports/campaigns/example");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "plan.yaml"), plan);
  copyFileSync(labFileOf("default"), join(folder, "lab.yaml"));
  return { root: repository, files: CampaignFiles.open(folder) };
}

test("a campaign is complete when every run was measured or given up, and both are counted", async () => {
  const { root: repository, files } = newCampaign();
  expect(await readCampaigns(repository)).toMatchObject([{ cilium: [], left: 4 }]);
  files.keep(measured(1), undefined);
  files.keep(measured(2, { at: "first", machineTroubles: ["late"] }), undefined);
  files.keep(measured(3), undefined);
  expect(await readCampaigns(repository)).toMatchObject([{ cilium: ["1.19.4"], left: 2 }]);
  for (const at of ["second", "third"]) files.keep(measured(2, { at, machineTroubles: ["late"] }), undefined);
  for (const at of ["t1", "t2", "t3"])
    files.note({
      ...{ event: "run", at, lab: 1, row: "scale to zero, affinity none", run: 1 },
      ...{ outcome: "no figure", ms: 1 },
    });
  const [campaign] = await readCampaigns(repository);
  expect(campaign).toMatchObject({
    left: 0,
    losses: "reports/campaigns/example/series.losses.ndjson",
    record: {
      name: "example",
      series: "reports/campaigns/example/series.ndjson",
      command: "npm run mesh -- measure reports/campaigns/example/plan.yaml",
      rows: [
        { affinity: "local", tuned: true, runs: 3, labs: 1, givenUp: 1, withoutFigure: [] },
        { affinity: "none", tuned: true, runs: 1, labs: 1, givenUp: 1, withoutFigure: [{}, {}, {}] },
      ],
    },
  });
  expect(campaign?.measurements).toHaveLength(5);
  expect(campaign?.troubles).toEqual([]);
});

test("the commands of a campaign are listed with what they measured, and how they ended if the journal says so", async () => {
  const { root: repository, files } = newCampaign();
  const started = { event: "started", plan: "p", meshproof: "m" } as const;
  const run = {
    event: "run",
    lab: 1,
    row: "scale to zero, affinity local",
    outcome: "no figure",
    ms: 1,
  } as const;
  files.note({ ...started, at: "t1", commit: "abc" });
  files.note({ ...run, at: "t2", run: 1 });
  files.note({ ...started, at: "t3" });
  for (const n of [1, 2]) files.note({ ...run, at: `t${3 + n}`, run: n });
  files.note({ event: "stopped", at: "t6", why: "ended early", reason: "Ctrl-C" });
  const [campaign] = await readCampaigns(repository);
  expect(campaign?.record.commands).toEqual([
    { at: "t1", commit: "abc", runs: 1, ended: "not stated" },
    { at: "t3", runs: 2, ended: "ended early", reason: "Ctrl-C" },
  ]);
});

test("a measurement that only the journal has was removed", async () => {
  const { root: repository, files } = newCampaign();
  files.keep(measured(1), undefined);
  for (const run of [1, 2])
    files.note({
      ...{ event: "run", at: "t", lab: 1, row: "scale to zero, affinity local", run },
      ...{ outcome: "pass", ms: 1 },
    });
  const [campaign] = await readCampaigns(repository);
  expect(campaign?.troubles).toEqual([expect.stringContaining("scale to zero, affinity local #2")]);
});

test("a campaign of two versions cannot be published", async () => {
  const { root: repository, files } = newCampaign();
  const first = measured(1);
  files.keep(first, undefined);
  files.keep({ ...measured(2), setting: { ...first.setting, cilium: "1.20.2" } }, undefined);
  const [campaign] = await readCampaigns(repository);
  expect(campaign?.troubles).toEqual([expect.stringContaining("1.19.4 and 1.20.2")]);
});
