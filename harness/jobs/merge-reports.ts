import { cp, lstat } from "node:fs/promises";
import { join } from "node:path";
import { killMatrix } from "#harness/judge/kill-matrix.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import { given } from "#harness/lib/given.ts";
import { lossesFile } from "#harness/measure/loss-files.ts";
import { wholeLines } from "#harness/measure/series.ts";
import type { KillMatrix } from "#harness/model/kill-matrix.ts";
import {
  countsAsFailure,
  exitCodeOf,
  type RunRecord,
  type SuiteRecord,
  type TestRecord,
  totalsOf,
} from "#harness/model/record.ts";
import type { Outcome } from "#harness/model/verdict.ts";
import { appendToReport } from "#harness/platform/report-files.ts";
import { reportsDir } from "#harness/testkit/run-dir.ts";
import { newRunId } from "#harness/testkit/run-id.ts";
import { proofExitCode, proofLines, writeProof } from "./proof.ts";
import { provenTests } from "./proven-tests.ts";
import { suiteName } from "./run-report.ts";
import { readRun, writeReport } from "./write-report.ts";

/** Makes one report of the reports of several shards, with their evidence, histories and kill matrices. */
export async function mergeReports(
  dirs: readonly string[],
  command: string,
  say: (line: string) => void,
): Promise<{ record: RunRecord; dir: string }> {
  const runs: RunRecord[] = [];
  for (const dir of dirs) runs.push(await readRun(dir));
  const record = mergedRun(runs, newRunId(), command);
  const dir = join(reportsDir(), record.runId);
  for (const from of dirs)
    for (const part of ["histories", "timings", "artifacts", "faults"])
      await cp(join(from, part), join(dir, part), { recursive: true, filter: isNoLink }).catch(
        (error: unknown) => {
          if ((error as { code?: unknown }).code !== "ENOENT") throw error;
        },
      );
  await mergeLosses(dirs, dir);
  const { killMatrix: matrix } = record;
  if (matrix !== undefined) await writeProof(dir, { schema: 1, faults: matrix.faults, cells: matrix.cells });
  await writeReport(dir, record);
  for (const line of matrix === undefined ? [] : proofLines(matrix)) say(line);
  for (const shard of missingShards(runs)) say(`missing: ${missingLine(shard)}`);
  return { record, dir };
}

async function mergeLosses(dirs: readonly string[], to: string): Promise<void> {
  for (const from of dirs)
    for (const line of wholeLines(lossesFile(from))) await appendToReport(lossesFile(to), `${line}\n`);
}

/** `latest` beside the runs of the faults: every shard has its own. */
const isNoLink = async (from: string): Promise<boolean> => !(await lstat(from)).isSymbolicLink();

/**
 * One run of the runs of its shards. A shard that is missing is an unknown of suite `meshproof`. Throws `usage` if
 * the runs do not belong together.
 */
export function mergedRun(runs: readonly RunRecord[], runId: string, command: string): RunRecord {
  // A run that ended before its lab was up has no clusters: its tests are missing and stay unknown.
  checkShards(runs);
  const opened = runs.filter((r) => r.clusters.length > 0);
  const first = found(opened[0] ?? runs[0], "run to merge", "usage");
  for (const run of runs)
    if (run.meshproof !== first.meshproof)
      throw new MeshproofError(
        "usage",
        `${first.runId} is of Meshproof ${first.meshproof}, and ${run.runId} of ${run.meshproof}`,
        { remedy: "merge shards of one version" },
      );
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
  const missing = missingShards(runs);
  const tested = [...byName.values()].map(mergedSuite);
  const matrix = mergedMatrix(runs, tested);
  const suites = withMissing(tested, missing);
  const counted = totalsOf(suites);
  // Errors outside any suite are only in a run's totals.
  const extra = (of: "errors" | "unknown"): number =>
    runs.reduce((sum, r) => sum + Math.max(0, r.totals[of] - totalsOf(r.suites)[of]), 0);
  const totals = {
    ...counted,
    errors: counted.errors + extra("errors"),
    unknown: counted.unknown + extra("unknown"),
  };
  const { shard: _, killMatrix: _own, unusedAccept = [], ...common } = first;
  // A name that one shard needed was needed.
  const unused = unusedAccept.filter((name) => opened.every((r) => r.unusedAccept?.includes(name)));
  return {
    ...common,
    runId,
    command,
    startedAt: runs.map((r) => r.startedAt).sort()[0] ?? first.startedAt,
    durationMs: Math.max(...runs.map((r) => r.durationMs)),
    suites,
    totals,
    ...(unused.length === 0 ? {} : { unusedAccept: unused }),
    exitCode: exitCodeOfMerged(totals, runs, matrix, missing.length === 0),
    ...given({ killMatrix: matrix }),
  };
}

function exitCodeOfMerged(
  totals: RunRecord["totals"],
  runs: readonly RunRecord[],
  matrix: KillMatrix | undefined,
  complete: boolean,
): number {
  const byTests = exitCodeOf(totals);
  const ended = byTests !== 1 && runs.some((r) => r.exitCode === 130) ? 130 : byTests;
  if (matrix === undefined) return ended;
  return proofExitCode(ended, matrix, complete && matrix.everyFault === true);
}

/** A shard by what it is one of. */
type ShardOf = NonNullable<RunRecord["shard"]>;

/** Throws `usage` for what are no parts of one whole: another number of them, one twice, or one beside a whole run. */
function checkShards(runs: readonly RunRecord[]): void {
  const refuse = (why: string): never => {
    throw new MeshproofError("usage", why, {
      remedy: "name the run folders of one sharded run, each shard once",
    });
  };
  const twice = runs.find(({ runId }, i) => runs.findIndex((r) => r.runId === runId) !== i);
  if (twice !== undefined) refuse(`run ${twice.runId} is named twice`);
  const sharded = runs.flatMap(({ runId, shard }) => (shard === undefined ? [] : [{ runId, ...shard }]));
  const [first] = sharded;
  if (first === undefined) return;
  const whole = runs.find((r) => r.shard === undefined);
  if (whole !== undefined)
    refuse(`${whole.runId} is not a shard, and ${first.runId} is shard ${first.index}/${first.of}`);
  for (const [i, { runId, index, of }] of sharded.entries()) {
    if (of !== first.of)
      refuse(`${first.runId} is one of ${first.of} shards, and ${runId} is one of ${of}: not of one run`);
    const twin = sharded.slice(0, i).find((s) => s.index === index);
    if (twin !== undefined) refuse(`${twin.runId} and ${runId} are both shard ${index}/${of}`);
  }
}

/** The shards that a whole run would have beside these. */
function missingShards(runs: readonly RunRecord[]): ShardOf[] {
  const of = runs[0]?.shard?.of ?? 0;
  return Array.from({ length: of }, (_, i) => ({ index: i + 1, of })).filter(
    ({ index }) => !runs.some((r) => r.shard?.index === index),
  );
}

const missingLine = ({ index, of }: ShardOf): string =>
  `shard ${index}/${of} is missing; its tests are unknown`;

function withMissing(suites: readonly SuiteRecord[], missing: readonly ShardOf[]): readonly SuiteRecord[] {
  if (missing.length === 0) return suites;
  const tests = missing.map(
    (shard): TestRecord => ({
      suite: suiteName,
      name: `shard ${shard.index}/${shard.of}`,
      outcome: "unknown",
      reasons: [missingLine(shard)],
      durationMs: 0,
      notes: {},
    }),
  );
  const own = suites.find((s) => s.name === suiteName) ?? {
    name: suiteName,
    goal: "Every shard of the run is there.",
    method: "The shards that the merged runs name are counted.",
    tests: [],
    errors: [],
    durationMs: 0,
  };
  return [...suites.filter((s) => s.name !== suiteName), { ...own, tests: [...own.tests, ...tests] }];
}

const subjectOf = (r: RunRecord): string =>
  [
    `Meshproof ${r.meshproof}`,
    `profile ${r.profile}`,
    `fault ${r.fault ?? "none"}`,
    ...(r.killMatrix === undefined ? [] : ["a proof"]),
    ...r.clusters.map((c) => `${c.name}: Cilium ${c.cilium}, Kubernetes ${c.kubernetes}`),
  ].join(", ");

/** Worst first. An accepted failure hides none that counts, and no unknown; it is worse than a pass. */
const worstFirst: readonly Outcome[] = ["unknown", "fail", "pass", "unsupported", "skipped"];
const rankOf = (test: TestRecord): number => (countsAsFailure(test) ? -1 : worstFirst.indexOf(test.outcome));

/** Merges a suite that several shards ran, as after the faults of `prove`: the worst outcome of each test. */
function mergedSuite(all: readonly SuiteRecord[]): SuiteRecord {
  const first = found(all[0], "suite");
  const byName = Map.groupBy(
    all.flatMap((s) => s.tests),
    (t) => t.name,
  );
  const worst = (tests: readonly TestRecord[]): TestRecord[] =>
    [...tests].sort((a, b) => rankOf(a) - rankOf(b)).slice(0, 1);
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
  // Nobody expects a fault to kill what is wrong beside the tests.
  const tests = provenTests(suites.filter((s) => s.name !== suiteName));
  return {
    ...killMatrix(
      matrices.flatMap((m) => m.faults),
      matrices.flatMap((m) => m.cells),
      tests,
    ),
    everyFault: matrices.every((m) => m.everyFault === true),
  };
}
