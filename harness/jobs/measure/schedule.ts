import { seededRandom, shuffled } from "#harness/lib/random.ts";

/** What the schedule needs to know of a row. */
export interface ScheduleRow {
  readonly name: string;
  readonly suite: string;
  readonly setting: string;
  readonly runs: number;
  readonly labs: number;
  /** In how many directions the scenario can be measured: which cluster is the target. */
  readonly directions: number;
}

/** One measurement to make: the `run`-th of its row, counted from one. */
export interface ScheduledRun {
  readonly row: string;
  readonly run: number;
  readonly direction: number;
}

/** Consecutive runs with one set-up of their suite. */
export interface Batch {
  readonly suite: string;
  readonly runs: readonly ScheduledRun[];
}

/** A lab that is created fresh, and what is measured in it, in order. */
export interface ScheduledLab {
  /** Its place in the campaign, counted from one. */
  readonly lab: number;
  readonly setting: string;
  readonly batches: readonly Batch[];
}

/** Identifies a run in a campaign. */
export const keyOf = ({ row, run }: Pick<ScheduledRun, "row" | "run">): string => `${row} #${run}`;

export interface ScheduleOptions {
  readonly seed: number;
  readonly runsPerSetUp: number;
}

/**
 * The order of a campaign, determined by rows and seed alone. A setting gets as many labs as its most demanding row;
 * each row is spread evenly over as many of them as it needs, those with the least to do; directions alternate. The
 * order of labs, of the set-ups in a lab, and of the runs in a set-up is random.
 */
export function scheduleOf(
  rows: readonly ScheduleRow[],
  { seed, runsPerSetUp }: ScheduleOptions,
): ScheduledLab[] {
  const random = seededRandom(seed);
  const nextSeed = (): number => Math.floor(random() * 2 ** 32);
  const shuffle = <T>(items: readonly T[]): T[] => shuffled(items, nextSeed());
  const labs = [...Map.groupBy(rows, (row) => row.setting)].flatMap(([setting, own]) =>
    spread(own, shuffle, random).map((runs) => ({
      setting,
      batches: batchesOf(runs, runsPerSetUp, shuffle),
    })),
  );
  return shuffle(labs).map((lab, i) => ({ lab: i + 1, ...lab }));
}

interface Share extends ScheduledRun {
  readonly suite: string;
}
type Shuffle = <T>(items: readonly T[]) => T[];

/** The runs of each lab of one setting. */
function spread(rows: readonly ScheduleRow[], shuffle: Shuffle, random: () => number): Share[][] {
  const labs: Share[][] = Array.from({ length: Math.max(...rows.map((row) => row.labs)) }, () => []);
  for (const row of shuffle(rows)) {
    const emptiest = shuffle(labs).sort((a, b) => a.length - b.length);
    const offset = Math.floor(random() * row.directions);
    let run = 1;
    for (const [i, lab] of emptiest.slice(0, row.labs).entries()) {
      // The first labs take what does not divide evenly.
      const share = Math.floor(row.runs / row.labs) + (i < row.runs % row.labs ? 1 : 0);
      for (let k = 0; k < share; k++, run++)
        lab.push({
          row: row.name,
          suite: row.suite,
          run,
          direction: (run - 1 + offset) % row.directions,
        });
    }
  }
  return labs;
}

/** The runs of each suite in parts of about equal size. */
function batchesOf(runs: readonly Share[], most: number, shuffle: Shuffle): Batch[] {
  const batches = [...Map.groupBy(runs, (run) => run.suite)].flatMap(([suite, own]) => {
    const order = shuffle(own).map(({ suite: _, ...run }) => run);
    const count = Math.ceil(order.length / most);
    return Array.from({ length: count }, (_, i) => ({
      suite,
      runs: order.slice(Math.floor((i * order.length) / count), Math.floor(((i + 1) * order.length) / count)),
    }));
  });
  return shuffle(batches);
}

/** The batches with only the runs that `keep` selects; empty ones are left out. */
export const onlyRuns = (batches: readonly Batch[], keep: (run: ScheduledRun) => boolean): Batch[] =>
  batches
    .map((batch) => ({ ...batch, runs: batch.runs.filter(keep) }))
    .filter((batch) => batch.runs.length > 0);

/** The same runs with as few set-ups as possible: for the few that are repeated. */
export const merged = (batches: readonly Batch[]): Batch[] =>
  [...Map.groupBy(batches, (batch) => batch.suite)].map(([suite, all]) => ({
    suite,
    runs: all.flatMap((batch) => batch.runs),
  }));

/** What has become of the runs so far. */
export interface RunsSoFar {
  /** Keys of runs with a figure that counts. */
  readonly done: ReadonlySet<string>;
  /** By key: how often a run gave no figure that counts. */
  readonly failedAttempts: ReadonlyMap<string, number>;
  /** The highest number of a lab in which anything was measured. */
  readonly lastLab: number;
}

/** The next lab to create, and what to measure in it; undefined if nothing is left that may be tried. */
export function nextLab(
  schedule: readonly ScheduledLab[],
  { done, failedAttempts, lastLab }: RunsSoFar,
  attempts: number,
): ScheduledLab | undefined {
  const tried = (run: ScheduledRun): number => failedAttempts.get(keyOf(run)) ?? 0;
  for (const lab of schedule) {
    const batches = onlyRuns(lab.batches, (run) => !done.has(keyOf(run)) && tried(run) === 0);
    if (batches.length > 0) return { ...lab, batches };
  }
  // Everything was tried: what gave no figure is repeated in one further lab of its setting.
  const again = (lab: ScheduledLab): Batch[] =>
    onlyRuns(lab.batches, (run) => !done.has(keyOf(run)) && tried(run) < attempts);
  const first = schedule.find((lab) => again(lab).length > 0);
  if (first === undefined) return undefined;
  const { setting } = first;
  return {
    lab: Math.max(schedule.length, lastLab) + 1,
    setting,
    batches: merged(schedule.filter((lab) => lab.setting === setting).flatMap(again)),
  };
}
