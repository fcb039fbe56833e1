import { globSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  type CampaignPlan,
  type CampaignRow,
  readCampaignPlan,
  rowName,
  settingOfRow,
} from "#harness/config/campaign-plan.ts";
import { readLabFile } from "#harness/config/lab-file.ts";
import {
  CampaignFiles,
  type CampaignMeasurement,
  journalFile,
  lossesFile,
  seriesFile,
} from "#harness/jobs/measure/campaign-files.ts";
import { labPlansOf, planHash } from "#harness/jobs/measure/plan-hash.ts";
import { keyOf } from "#harness/jobs/measure/schedule.ts";
import { rowSummaries } from "#harness/jobs/measure/summary.ts";
import { given } from "#harness/lib/given.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import type { CampaignCommand, PlannedRow, PublishedCampaign } from "#harness/model/published.ts";
import { repoRoot } from "#harness/platform/paths.ts";

/** A campaign of this repository, from its plan and its files alone. */
export interface ReadCampaign {
  readonly plan: CampaignPlan;
  readonly record: PublishedCampaign;
  /** The versions that it measured. */
  readonly cilium: readonly string[];
  readonly measurements: readonly CampaignMeasurement[];
  /** Paths from the root of the repository; all of them must be committed. */
  readonly files: readonly string[];
  readonly losses: string;
  /** Runs that are neither measured nor given up; figures are published from complete campaigns only. */
  readonly left: number;
  /** Why its files cannot be believed. */
  readonly troubles: readonly string[];
}

/** Before a run is given up it was tried at least so often, whatever the plan says now. */
const leastAttempts = 3;

/** Every campaign below `reports/campaigns/`, without parts (`--part`): those are never published. */
export async function readCampaigns(root = repoRoot()): Promise<ReadCampaign[]> {
  const plans = globSync("reports/campaigns/*/plan.yaml", { cwd: root }).sort();
  return Promise.all(plans.map((plan) => readCampaign(root, plan)));
}

async function readCampaign(root: string, path: string): Promise<ReadCampaign> {
  const folder = dirname(path);
  const files = CampaignFiles.read(join(root, folder));
  const plan = await readCampaignPlan(join(root, path));
  const rows = plan.rows.map((row) => ({
    name: rowName(row),
    setting: settingOfRow(plan, row),
    runs: row.runs,
    labs: row.labs,
  }));
  const summaries = rowSummaries({ rows, attempts: Math.max(leastAttempts, plan.attempts) }, files);
  const cilium = [...new Set(files.measurements.map((m) => m.setting.cilium))];
  const [series, losses] = [join(folder, seriesFile), join(folder, lossesFile)];
  const tuned = await tunedSettings(plan);
  return {
    plan,
    record: {
      name: plan.name,
      plan: path,
      series,
      command: meshCommand("measure", path),
      commands: commandsOf(files),
      rows: plan.rows.map((row, i) => ({
        ...plannedRow(row, files),
        tuned: tuned.get(settingOfRow(plan, row)) === true,
        givenUp: summaries[i]?.givenUp ?? row.runs,
      })),
    },
    cilium,
    measurements: files.measurements,
    files: [path, series, losses, join(folder, journalFile)],
    losses,
    left: summaries.reduce((sum, row) => sum + row.left, 0),
    troubles: [
      ...(cilium.length > 1
        ? [`${folder} measured Cilium ${cilium.join(" and ")}; one plan, one version`]
        : []),
      ...removedRuns(files).map(
        (run) => `${folder}: the journal has more measurements of ${run} than the series`,
      ),
    ],
  };
}

/** Whether the labs of each setting are tuned. */
async function tunedSettings({ settings }: CampaignPlan): Promise<Map<string, boolean>> {
  const all = new Map<string, boolean>();
  for (const [name, { labFile }] of Object.entries(settings))
    all.set(name, (await readLabFile(labFile)).tuning === "tuned");
  return all;
}

function plannedRow(row: CampaignRow, { entries }: CampaignFiles): Omit<PlannedRow, "tuned" | "givenUp"> {
  const { scenario, affinity, application, runs, labs } = row;
  return {
    ...{ scenario, affinity, application, runs, labs },
    withoutFigure: entries.flatMap((e) =>
      e.event === "run" && e.row === rowName(row) && e.outcome === "no figure"
        ? [{ run: e.run, at: e.at, reasons: [...(e.reasons ?? [])] }]
        : [],
    ),
  };
}

/** The commands that measured a campaign, by its journal; runs before the first `started` belong to none. */
function commandsOf({ entries }: CampaignFiles): CampaignCommand[] {
  const commands: CampaignCommand[] = [];
  for (const e of entries) {
    if (e.event === "started")
      commands.push({ at: e.at, ...given({ commit: e.commit }), runs: 0, ended: "not stated" });
    const last = commands.at(-1);
    if (last === undefined) continue;
    if (e.event === "run") commands[commands.length - 1] = { ...last, runs: last.runs + 1 };
    if (e.event === "stopped")
      commands[commands.length - 1] = { ...last, ended: e.why, ...given({ reason: e.reason }) };
  }
  return commands;
}

/** A measurement is written to the series before the journal says so; one that only the journal has was removed. */
function removedRuns({ entries, measurements }: CampaignFiles): string[] {
  const noted = entries.flatMap((e) => (e.event === "run" && e.outcome !== "no figure" ? [keyOf(e)] : []));
  const count = (keys: readonly string[], key: string): number => keys.filter((k) => k === key).length;
  const measured = measurements.map((m) => keyOf(m.campaign));
  return [...new Set(noted)].filter((key) => count(noted, key) > count(measured, key));
}

/** Whether the campaign was measured by the plan as it is now; asked when it is published. */
export async function isMeasuredByPlan({ plan, measurements }: ReadCampaign): Promise<boolean> {
  const hash = planHash(plan, await labPlansOf(plan, "publish"));
  return measurements.every((m) => m.campaign.plan === hash);
}
