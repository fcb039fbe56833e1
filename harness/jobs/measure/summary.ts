import type { Campaign } from "./campaign.ts";
import { campaignDurations, remainingMs } from "./campaign.ts";
import { type CampaignFiles, type CampaignMeasurement, counts, seriesFile } from "./campaign-files.ts";
import { labsMs, roughly } from "./estimate.ts";
import { keyOf } from "./schedule.ts";
import type { ResolvedRow } from "./titles.ts";

export interface RowSummary {
  readonly row: string;
  readonly setting: string;
  readonly runs: number;
  readonly labs: number;
  readonly measured: number;
  /** In so many different labs. */
  readonly measuredLabs: number;
  readonly failed: number;
  /** Measurements that the test machine spoiled; kept, and repeated. */
  readonly spoiled: number;
  /** Runs that gave no figure that counts, however often they were tried. */
  readonly givenUp: number;
  /** Runs that are neither measured nor given up. */
  readonly left: number;
}

/** What a campaign has measured, and what is left. */
export interface CampaignSummary {
  readonly campaign: string;
  readonly part?: string;
  readonly folder: string;
  readonly runs: number;
  readonly measured: number;
  readonly failed: number;
  readonly spoiled: number;
  readonly givenUp: number;
  /** Every run was measured, or given up. */
  readonly complete: boolean;
  /** Estimates, from measured durations where there are any. */
  readonly leftMs: number;
  readonly totalMs: number;
  readonly rows: readonly RowSummary[];
}

type CountedRow = Pick<ResolvedRow, "name" | "setting" | "runs" | "labs">;

/** What became of the runs of each row. */
export function rowSummaries(
  { rows, attempts }: { readonly rows: readonly CountedRow[]; readonly attempts: number },
  files: CampaignFiles,
): RowSummary[] {
  const { done, failedAttempts } = files.soFar();
  return rows.map((row) => {
    const own = files.measurements.filter((m) => m.campaign.row === row.name);
    const counted = own.filter(counts);
    const keys = Array.from({ length: row.runs }, (_, i) => keyOf({ row: row.name, run: i + 1 }));
    const givenUp = keys.filter((key) => !done.has(key) && (failedAttempts.get(key) ?? 0) >= attempts).length;
    return {
      row: row.name,
      setting: row.setting,
      runs: row.runs,
      labs: row.labs,
      measured: counted.length,
      measuredLabs: new Set(counted.map(labOf)).size,
      failed: counted.filter((m) => m.outcome === "fail").length,
      spoiled: own.length - counted.length,
      givenUp,
      left: keys.filter((key) => !done.has(key)).length - givenUp,
    };
  });
}

export function summaryOf(campaign: Campaign, files: CampaignFiles): CampaignSummary {
  const { stamp, schedule } = campaign;
  const rows = rowSummaries(campaign, files);
  const sum = (of: (row: RowSummary) => number): number => rows.reduce((all, row) => all + of(row), 0);
  return {
    campaign: stamp.name,
    ...(stamp.part === undefined ? {} : { part: stamp.part }),
    folder: files.folder,
    runs: sum((row) => row.runs),
    measured: sum((row) => row.measured),
    failed: sum((row) => row.failed),
    spoiled: sum((row) => row.spoiled),
    givenUp: sum((row) => row.givenUp),
    complete: rows.every((row) => row.left === 0),
    leftMs: remainingMs(campaign, files),
    totalMs: labsMs(schedule, campaignDurations(campaign.rows, files)),
    rows,
  };
}

const labOf = (m: CampaignMeasurement): string => m.lab ?? String(m.campaign.lab);

/** 0: everything was measured and nothing failed; 1: a measurement failed; 3: runs are left, or were given up. */
export const exitCodeOfCampaign = ({ failed, complete, givenUp }: CampaignSummary): 0 | 1 | 3 =>
  failed > 0 ? 1 : complete && givenUp === 0 ? 0 : 3;

/** The last lines of the command. */
export function campaignLines(summary: CampaignSummary): string[] {
  const { rows, measured, runs, failed, spoiled, givenUp, leftMs, folder } = summary;
  return [
    "",
    ...rows.map((r) =>
      [
        `${r.row}: ${r.measured} of ${r.runs} measured in ${r.measuredLabs} of ${r.labs} labs`,
        ...(r.failed === 0 ? [] : [`${r.failed} failed`]),
        ...(r.spoiled === 0 ? [] : [`${r.spoiled} spoiled by the test machine`]),
        ...(r.givenUp === 0 ? [] : [`${r.givenUp} given up`]),
      ].join(", "),
    ),
    "",
    `series: ${folder}/${seriesFile}; commit the whole folder`,
    `${measured} of ${runs} measured, ${failed} failed, ${spoiled} spoiled, ${givenUp} given up` +
      (summary.complete ? "" : `; about ${roughly(leftMs)} left: run the same command again`),
  ];
}

/** The whole order of a campaign, for `--dry-run`. */
export function scheduleLines(campaign: Campaign, files: CampaignFiles): string[] {
  const { done } = files.soFar();
  const durations = campaignDurations(campaign.rows, files);
  const { totalMs, leftMs, measured, runs } = summaryOf(campaign, files);
  return [
    ...campaign.schedule.flatMap((lab) => [
      `lab ${lab.lab} (setting ${lab.setting}), about ${roughly(labsMs([lab], durations))}`,
      ...lab.batches.flatMap((batch) => [
        `  ${batch.suite}`,
        ...batch.runs.map((run) => {
          const title = campaign.rows.find((row) => row.name === run.row)?.titles[run.direction];
          return `    ${run.row}, run ${run.run}: ${title?.split(" > ")[0] ?? ""}${done.has(keyOf(run)) ? " (measured)" : ""}`;
        }),
      ]),
    ]),
    "",
    ...campaign.rows.map((row) => `${row.name}: ${row.runs} runs in ${row.labs} labs, suite ${row.suite}`),
    "",
    `${campaign.schedule.length} labs, ${runs} runs, about ${roughly(totalMs)}; ${measured} measured, about ${roughly(leftMs)} left`,
  ];
}
