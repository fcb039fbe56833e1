import {
  type CampaignPlan,
  type CampaignRow,
  rowName,
  settingOfRow,
  titleWords,
} from "#harness/config/campaign-plan.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { withoutCount } from "#harness/testkit/selection.ts";
import type { ListedSuite } from "#harness/testkit/suite-list.ts";
import type { Batch, ScheduledRun, ScheduleRow } from "./schedule.ts";

/** A row of a plan with the suite and the tests that measure it. */
export interface ResolvedRow extends ScheduleRow {
  readonly plan: CampaignRow;
  /** Titles without their counter, one for each direction. */
  readonly titles: readonly string[];
}

/** Enough repetitions for a scenario whose directions alternate to take each once. */
const directionsOf = (clusters: readonly string[]): number => clusters.length * (clusters.length - 1);

/** The titles that measure a row in a suite, without their counters; none if it is not of this suite. */
function titlesIn(suite: ListedSuite, row: CampaignRow, clusters: readonly string[]): string[] {
  const words = ` > ${titleWords(row).join(", ")}, and back`;
  const titles = suite
    .tests({ clusters, repeat: directionsOf(clusters) })
    .map(({ title }) => withoutCount(title))
    .filter((title) => title.endsWith(words));
  return [...new Set(titles)].sort();
}

/**
 * Finds the suite of every row. Throws `config-invalid`, naming file and row, where there is none or there are several.
 */
export function resolveRows(
  plan: CampaignPlan,
  {
    file,
    suites,
    clustersOf,
  }: {
    readonly file: string;
    readonly suites: readonly ListedSuite[];
    /** The names of a setting's clusters. */
    readonly clustersOf: (setting: string) => readonly string[];
  },
): ResolvedRow[] {
  return plan.rows.map((row, i) => {
    const setting = settingOfRow(plan, row);
    const candidates = suites
      .filter((suite) => row.suite === undefined || suite.info.name === row.suite)
      .map((suite) => ({ suite: suite.info.name, titles: titlesIn(suite, row, clustersOf(setting)) }))
      .filter(({ titles }) => titles.length > 0);
    const [first, ...others] = candidates;
    if (first === undefined)
      throw invalid(
        file,
        `rows.${i}.scenario: ${row.suite ?? "no suite"} ${row.suite === undefined ? "measures" : "does not measure"} "${titleWords(row).join(", ")}"`,
        "`npm run mesh -- list tests` lists the titles, which name scenario, affinity and application",
      );
    if (others.length > 0)
      throw invalid(
        file,
        `rows.${i}.suite: several suites measure "${row.scenario}" with affinity ${row.affinity}: ${candidates.map((c) => c.suite).join(", ")}`,
        "name one of them as the row's suite",
      );
    return {
      plan: row,
      name: rowName(row),
      suite: first.suite,
      setting,
      runs: row.runs,
      labs: row.labs,
      directions: first.titles.length,
      titles: first.titles,
    };
  });
}

const invalid = (file: string, message: string, remedy: string): MeshproofError =>
  new MeshproofError("config-invalid", `${file}: ${message}`, { remedy });

/** The tests of one batch, in order, and how to make the suite list them. */
export interface PickedTitles {
  readonly repeat: number;
  readonly titles: readonly string[];
  readonly runOf: ReadonlyMap<string, ScheduledRun>;
}

/** Chooses for each run of a batch a test with its title; repetitions of one title are different tests. */
export function pickTitles(
  batch: Batch,
  rows: readonly ResolvedRow[],
  list: (repeat: number) => readonly string[],
): PickedTitles {
  const wanted = batch.runs.map((run) => ({ run, title: titleOf(run, rows) }));
  // One repetition may list only one direction of a scenario.
  const most = wanted.length * Math.max(...rows.map((row) => row.directions));
  for (let repeat = 1; repeat <= most; repeat++) {
    const free = Map.groupBy(list(repeat), withoutCount);
    const picked = wanted.map(({ run, title }) => ({ run, title: free.get(title)?.shift() }));
    const named = picked.flatMap(({ run, title }) => (title === undefined ? [] : [[title, run] as const]));
    if (named.length === wanted.length)
      return { repeat, titles: named.map(([title]) => title), runOf: new Map(named) };
  }
  throw new MeshproofError(
    "value-missing",
    `suite ${batch.suite} does not list ${wanted.map(({ title }) => title).join("; ")}`,
    { remedy: "this is a defect of Meshproof: please report it" },
  );
}

function titleOf({ row: name, direction }: ScheduledRun, rows: readonly ResolvedRow[]): string {
  const title = rows.find((row) => row.name === name)?.titles[direction];
  if (title === undefined)
    throw new MeshproofError("value-missing", `no test measures ${name} in direction ${direction}`, {
      remedy: "this is a defect of Meshproof: please report it",
    });
  return title;
}
