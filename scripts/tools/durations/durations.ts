import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readRun } from "#harness/jobs/write-report.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { median } from "#harness/lib/stats.ts";
import type { Durations } from "#harness/model/durations.ts";
import { type ProofRecord, proofFormat } from "#harness/model/kill-matrix.ts";
import type { RunRecord, SuiteRecord } from "#harness/model/record.ts";

/** What one run's folder says of durations. */
export interface TimedRun {
  readonly run?: Pick<RunRecord, "runId" | "fault" | "clusters" | "suites" | "killMatrix">;
  readonly proof?: Pick<ProofRecord, "faults" | "cells">;
}

/** How many tests a suite has on clusters of these names; undefined for a suite that is not ours. */
export type CountOf = (suite: string, clusters: readonly string[]) => number | undefined;

/** Reads `report.json` and `kill-matrix.json` of a run; one that was interrupted may have the second alone. */
export async function readTimedRun(dir: string): Promise<TimedRun> {
  const matrix = join(dir, "kill-matrix.json");
  const hasReport = existsSync(join(dir, "report.json"));
  if (!hasReport && !existsSync(matrix))
    throw new MeshproofError("usage", `there is neither a report.json nor a kill-matrix.json in ${dir}`, {
      remedy: "name folders of finished runs, such as reports/latest",
    });
  const proof = existsSync(matrix)
    ? parseRecord(await readFile(matrix, "utf8"), proofFormat(dir), {
        what: matrix,
        remedy: "name another run",
      })
    : undefined;
  return {
    ...(hasReport ? { run: await readRun(dir) } : {}),
    ...(proof === undefined ? {} : { proof }),
  };
}

/** `before`, with the medians of what these runs timed in place of what it says of that. */
export function durationsOf(before: Durations, runs: readonly TimedRun[], countOf: CountOf): Durations {
  const suites = runs.flatMap(({ run }) =>
    // Under a fault a suite waits for what does not come.
    run === undefined || run.fault !== null
      ? []
      : run.suites.filter((s) =>
          isWhole(
            s,
            countOf(
              s.name,
              run.clusters.map((c) => c.name),
            ),
          ),
        ),
  );
  // A run that was resumed holds the faults of the run before too.
  const faults = new Map(
    runs
      .flatMap(({ run, proof }) => triedFaults(proof ?? run?.killMatrix))
      .map((f) => [`${f.run} ${f.name}`, f]),
  );
  return {
    schema: 1,
    suites: { ...before.suites, ...mediansOf(suites) },
    faults: { ...before.faults, ...mediansOf([...faults.values()]) },
  };
}

/** Every test ran once, to its end: what failed may have waited long, what was left out took no time. */
function isWhole({ errors, tests }: SuiteRecord, count: number | undefined): boolean {
  return (
    errors.length === 0 &&
    tests.some((t) => t.outcome === "pass") &&
    tests.every((t) => t.outcome !== "fail" && t.outcome !== "skipped") &&
    tests.length === count
  );
}

const triedFaults = (proof: TimedRun["proof"]) =>
  (proof?.faults ?? []).filter(
    ({ name, errors }) =>
      errors.length === 0 &&
      proof?.cells.some((c) => c.fault === name) === true &&
      proof.cells.every((c) => c.fault !== name || c.state === "killed" || c.state === "green"),
  );

/** In whole milliseconds. */
function mediansOf(
  all: readonly { readonly name: string; readonly durationMs: number }[],
): Record<string, number> {
  const byName = Map.groupBy(all, (s) => s.name);
  return Object.fromEntries(
    [...byName].map(([name, of]) => [name, Math.max(1, Math.round(median(of.map((s) => s.durationMs))))]),
  );
}

/** As the file holds it: names sorted, so that a new run changes only the lines of what it timed. */
export const textOf = ({ schema, suites, faults }: Durations): string =>
  `${JSON.stringify({ schema, suites: sorted(suites), faults: sorted(faults) }, null, 2)}\n`;

const sorted = (ms: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(ms).sort(([a], [b]) => (a < b ? -1 : 1)));
