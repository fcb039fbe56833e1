import { cp } from "node:fs/promises";
import { join } from "node:path";
import { killMatrix } from "#harness/judge/kill-matrix.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import { given } from "#harness/lib/given.ts";
import { type KillMatrix, unknownCells } from "#harness/model/kill-matrix.ts";
import {
  exitCodeOf,
  type RunRecord,
  type SuiteRecord,
  type TestRecord,
  totalsOf,
} from "#harness/model/record.ts";
import type { Outcome } from "#harness/model/verdict.ts";
import { reportsDir } from "#harness/testkit/run-dir.ts";
import { newRunId } from "#harness/testkit/run-id.ts";
import { readRun, writeReport } from "./write-report.ts";

/** Merges the reports of several shards, with their evidence and histories. */
export async function mergeReports(
  dirs: readonly string[],
  command: string,
): Promise<{ record: RunRecord; dir: string }> {
  const runs: RunRecord[] = [];
  for (const dir of dirs) runs.push(await readRun(dir));
  const record = mergedRun(runs, newRunId(), command);
  const dir = join(reportsDir(), record.runId);
  for (const from of dirs)
    for (const part of ["histories", "artifacts"])
      await cp(join(from, part), join(dir, part), { recursive: true }).catch((error: unknown) => {
        if ((error as { code?: unknown }).code !== "ENOENT") throw error;
      });
  await writeReport(dir, record);
  return { record, dir };
}

/** Throws `usage` if the runs differ in lab file, versions or fault, because the sum would be meaningless. */
export function mergedRun(runs: readonly RunRecord[], runId: string, command: string): RunRecord {
  // A run that ended before its lab was up has no clusters: its tests are missing and stay unknown.
  const opened = runs.filter((r) => r.clusters.length > 0);
  const first = found(opened[0] ?? runs[0], "run to merge", "usage");
  for (const run of opened)
    if (subjectOf(run) !== subjectOf(first))
      throw new MeshproofError(
        "usage",
        `${first.runId} and ${run.runId} are not shards of one run: ${subjectOf(first)}; ${subjectOf(run)}`,
        { remedy: "merge shards of one run: the same lab file, versions and fault" },
      );
  const byName = Map.groupBy(
    runs.flatMap((r) => r.suites),
    (s) => s.name,
  );
  const suites = [...byName.values()].map(mergedSuite);
  const matrix = mergedMatrix(runs, suites);
  const counted = totalsOf(suites);
  // Errors outside any suite are only in a run's totals.
  const extra = (of: "errors" | "unknown"): number =>
    runs.reduce((sum, r) => sum + Math.max(0, r.totals[of] - totalsOf(r.suites)[of]), 0);
  const totals = {
    ...counted,
    errors: counted.errors + extra("errors"),
    unknown: counted.unknown + extra("unknown"),
  };
  return {
    ...first,
    runId,
    command,
    startedAt: runs.map((r) => r.startedAt).sort()[0] ?? first.startedAt,
    durationMs: Math.max(...runs.map((r) => r.durationMs)),
    suites,
    totals,
    exitCode: exitCodeOfMerged(totals, runs, matrix),
    ...given({ killMatrix: matrix }),
  };
}

function exitCodeOfMerged(
  totals: RunRecord["totals"],
  runs: readonly RunRecord[],
  matrix: KillMatrix | undefined,
): number {
  const byTests = exitCodeOf(totals);
  if (byTests === 1 || (matrix?.survivors.length ?? 0) > 0) return 1;
  if (runs.some((r) => r.exitCode === 130)) return 130;
  return matrix !== undefined && unknownCells(matrix) > 0 ? 3 : byTests;
}

const subjectOf = (r: RunRecord): string =>
  [
    `Meshproof ${r.meshproof}`,
    `profile ${r.profile}`,
    `fault ${r.fault ?? "none"}`,
    ...r.clusters.map((c) => `${c.name}: Cilium ${c.cilium}, Kubernetes ${c.kubernetes}`),
  ].join(", ");

const worstFirst: readonly Outcome[] = ["fail", "unknown", "pass", "unsupported", "skipped"];

/** Merges a suite that several shards ran, as after the faults of `prove`: the worst outcome of each test. */
function mergedSuite(all: readonly SuiteRecord[]): SuiteRecord {
  const first = found(all[0], "suite");
  const byName = Map.groupBy(
    all.flatMap((s) => s.tests),
    (t) => t.name,
  );
  const worst = (tests: readonly TestRecord[]): TestRecord[] =>
    [...tests].sort((a, b) => worstFirst.indexOf(a.outcome) - worstFirst.indexOf(b.outcome)).slice(0, 1);
  const findings = all.flatMap((s) => s.findings ?? []);
  return {
    ...first,
    tests: [...byName.values()].flatMap(worst),
    errors: all.flatMap((s) => s.errors),
    durationMs: all.reduce((sum, s) => sum + s.durationMs, 0),
    ...given({ findings: findings.length === 0 ? undefined : findings }),
  };
}

function mergedMatrix(runs: readonly RunRecord[], suites: readonly SuiteRecord[]): KillMatrix | undefined {
  const matrices = runs.flatMap((r) => r.killMatrix ?? []);
  if (matrices.length === 0) return undefined;
  const tests = suites.flatMap((s) =>
    s.tests.filter((t) => t.outcome !== "unsupported").map((t) => `${s.name} > ${t.name}`),
  );
  return killMatrix(
    matrices.flatMap((m) => m.faults),
    matrices.flatMap((m) => m.cells),
    tests,
  );
}
