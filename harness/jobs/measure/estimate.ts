import type { CampaignEntry } from "#harness/model/campaign-journal.ts";
import type { Batch, ScheduledLab } from "./schedule.ts";

/** Durations: measured ones where there are any. */
export interface Durations {
  readonly labMs: number;
  readonly removalMs: number;
  readonly setUpMs: (suite: string) => number;
  readonly runMs: (row: string) => number;
}

/** Until they were measured: of a lab with two clusters on a machine with few cores. */
const expectedMs = { lab: 210_000, removal: 15_000, setUp: 40_000 };

const mean = (values: readonly number[]): number | undefined =>
  values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;

/** `expectedRunMs` gives the plan's own estimate for a row. */
export function durationsOf(
  entries: readonly CampaignEntry[],
  expectedRunMs: (row: string) => number,
): Durations {
  const allOf = (event: CampaignEntry["event"], is: (entry: CampaignEntry) => boolean = () => true) =>
    entries.flatMap((e) => (e.event === event && "ms" in e && is(e) ? [e.ms] : []));
  const of = (...args: Parameters<typeof allOf>): number | undefined => mean(allOf(...args));
  const labs = allOf("lab created");
  const anySetUp = of("set-up");
  return {
    // The first lab of a version may contain the building of its images, which no later one does.
    labMs: labs.length === 0 ? expectedMs.lab : Math.min(...labs, expectedMs.lab * 2),
    removalMs: of("lab removed") ?? expectedMs.removal,
    setUpMs: (suite) =>
      of("set-up", (e) => e.event === "set-up" && e.suite === suite) ?? anySetUp ?? expectedMs.setUp,
    runMs: (row) =>
      of("run", (e) => e.event === "run" && e.row === row && e.outcome !== "no figure") ?? expectedRunMs(row),
  };
}

/** The time that some batches take in a lab that exists. */
export const batchesMs = (batches: readonly Batch[], { setUpMs, runMs }: Durations): number =>
  batches.reduce(
    (sum, { suite, runs }) => sum + setUpMs(suite) + runs.reduce((all, { row }) => all + runMs(row), 0),
    0,
  );

/** The time that some labs take, with their creation and removal. */
export const labsMs = (labs: readonly ScheduledLab[], durations: Durations): number =>
  labs.reduce(
    (sum, { batches }) => sum + durations.labMs + batchesMs(batches, durations) + durations.removalMs,
    0,
  );

/** `3 h 05 min`, `12 min`: an estimate is no more exact. */
export function roughly(ms: number): string {
  const minutes = Math.max(1, Math.round(ms / 60_000));
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${minutes} min` : `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
}
