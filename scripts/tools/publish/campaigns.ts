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
import { meshCommand } from "#harness/lib/shell-quote.ts";
import type { PlannedRow, PublishedCampaign } from "#harness/model/published.ts";
import { repoRoot } from "#harness/platform/paths.ts";

/** A campaign of this repository, from its plan and its files alone. */
export interface ReadCampaign {
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
  const [series, losses, journal] = [seriesFile, lossesFile, journalFile].map((file) => join(folder, file));
  return {
    record: {
      name: plan.name,
      plan: path,
      series: join(folder, seriesFile),
      command: meshCommand("measure", path),
      rows: await Promise.all(
        plan.rows.map((row, i) => plannedRow(row, plan, files, summaries[i]?.givenUp ?? row.runs)),
      ),
    },
    cilium,
    measurements: files.measurements,
    files: [path, series, losses, journal].filter((file) => file !== undefined),
    losses: join(folder, lossesFile),
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

async function plannedRow(
  row: CampaignRow,
  plan: CampaignPlan,
  { entries }: CampaignFiles,
  givenUp: number,
): Promise<PlannedRow> {
  const { scenario, affinity, application, runs, labs } = row;
  const labFile = plan.settings[settingOfRow(plan, row)]?.labFile;
  const tuned = labFile === undefined || (await readLabFile(labFile)).tuning === "tuned";
  const attempts = (outcomes: readonly string[]): PlannedRow["notPassed"] =>
    entries.flatMap((e) =>
      e.event === "run" && e.row === rowName(row) && outcomes.includes(e.outcome)
        ? [{ run: e.run, at: e.at, reasons: [...(e.reasons ?? [])] }]
        : [],
    );
  return {
    ...{ scenario, affinity, application, tuned, runs, labs, givenUp },
    withoutFigure: attempts(["no figure"]),
    notPassed: attempts(["fail", "unknown"]),
  };
}

/** A measurement is written to the series before the journal says so; one that only the journal has was removed. */
function removedRuns({ entries, measurements }: CampaignFiles): string[] {
  const noted = entries.flatMap((e) => (e.event === "run" && e.outcome !== "no figure" ? [keyOf(e)] : []));
  const count = (keys: readonly string[], key: string): number => keys.filter((k) => k === key).length;
  const measured = measurements.map((m) => keyOf(m.campaign));
  return [...new Set(noted)].filter((key) => count(noted, key) > count(measured, key));
}

/** Whether the campaign was measured by the plan as it is now; asked when it is published. */
export async function isMeasuredByPlan(campaign: ReadCampaign, root = repoRoot()): Promise<boolean> {
  const plan = await readCampaignPlan(join(root, campaign.record.plan));
  const hash = planHash(plan, await labPlansOf(plan, "publish"));
  return campaign.measurements.every((m) => m.campaign.plan === hash);
}
