import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Mesh } from "#harness/cluster/mesh.ts";
import { type ProveTable, readProveTables } from "#harness/config/prove-tables.ts";
import type { Fault } from "#harness/faults/fault.ts";
import { faults as allFaults, faultNamed } from "#harness/faults/index.ts";
import { lacked } from "#harness/faults/needs.ts";
import { isSettled, isSurvivor, killMatrix, requiredState } from "#harness/judge/kill-matrix.ts";
import { workOn } from "#harness/lab/open-lab.ts";
import { formatMs, monotonicMs } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { throwIfAborted } from "#harness/lib/eventually.ts";
import { given } from "#harness/lib/given.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { type KillCell, type KillMatrix, type ProvenFault, proofFormat } from "#harness/model/kill-matrix.ts";
import { type RunRecord, totalsOf } from "#harness/model/record.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { withLab } from "#harness/state/lock.ts";
import { readDurations, recordedOrMean } from "#harness/testkit/durations.ts";
import { reportsDir, runFolder } from "#harness/testkit/run-dir.ts";
import { select } from "#harness/testkit/selection.ts";
import { type Shard, shardOf } from "#harness/testkit/shard.ts";
import { chooseSuites, listTests, loadAllSuites } from "#harness/testkit/suite-list.ts";
import { failedFaultsOf, requireSameVersions } from "./failed-of.ts";
import { knownDefects } from "./final-verdict.ts";
import { requireTerminal } from "./pause-on-fail.ts";
import { matrixFile, proofExitCode, proofLines, writeProof } from "./proof.ts";
import { onlyOf, type Proof, type ProveOptions, proveFault } from "./prove-fault.ts";
import { provenTests } from "./proven-tests.ts";
import { runHead } from "./run-head.ts";
import { shardRecord } from "./shard-record.ts";
import { earlierRun, testLab } from "./test.ts";
import { writeReport } from "./write-report.ts";

/**
 * Mutation testing of the mesh: for each fault, the suites that must detect it and a sentinel that must not; then all
 * suites on the healed mesh. The run's report is that of the last part, with the kill matrix.
 */
export async function prove(options: ProveOptions): Promise<{ record: RunRecord; dir: string }> {
  if (options.pauseOnFail === true) requireTerminal();
  if (options.rerunFailed !== undefined && options.resume !== undefined)
    throw new MeshproofError("usage", "--rerun-failed begins a new run, --resume continues one", {
      remedy: "leave one of them out; --resume too repeats what its run did not settle",
    });
  const earlier = await earlierRun(options);
  const failed = earlier === undefined ? undefined : failedFaultsOf(earlier);
  const plan = options.faults.length === 0 ? allFaults : options.faults.map(faultNamed);
  const mesh = new Mesh(await workOn(options.lab));
  // Before the hours that it takes: of other versions the faults that survived say nothing.
  if (earlier !== undefined) requireSameVersions(earlier, (await runHead(mesh, options)).clusters);
  // Suites of specific labs are proven only if named: they multiply the time of a default run.
  const all = await loadAllSuites(options.suitesDir);
  const { shard, ...selection } = options.selection ?? {};
  const clusters = mesh.state.plan.clusters.map((c) => c.name);
  const names = options.suites.length > 0 ? options.suites : (failed?.suites ?? []);
  const selected = select(chooseSuites(all, names, { suites: [] }), selection, { clusters, repeat: 1 });
  await knownDefects(options, all, mesh.state.plan);
  const left = selected.tests;
  const proof: Proof = {
    suites: selected.suites.map((s) => s.info.name),
    tables: await tablesOf(options.suitesDir),
    tests: new Map([...listTests(all, clusters)].map(([suite, t]) => [suite, left[suite] ?? t])),
    order: all.map((s) => s.info.name),
    left,
    clusters,
  };
  const chosen = chooseFaults(
    plan.filter((f) => lacked(f, mesh) === undefined),
    proof,
    { failed: failed?.faults, shard },
  );
  return withLab(options.lab, options.signal, (signal) =>
    proveUnderLock({ ...options, signal }, mesh, chosen, proof),
  );
}

async function tablesOf(suitesDir: string | undefined): Promise<ReadonlyMap<string, ProveTable>> {
  const own = await readProveTables(join(repoRoot(), "suites"));
  return suitesDir === undefined ? own : new Map([...own, ...(await readProveTables(suitesDir))]);
}

/** The faults that the tables name, of those the ones that failed before, of those one shard; in their order. */
function chooseFaults(
  faults: readonly Fault[],
  { suites, tables }: Proof,
  { failed, shard }: { readonly failed: readonly string[] | undefined; readonly shard: Shard | undefined },
): readonly Fault[] {
  const whole = faults.filter(
    ({ name }) => (failed?.includes(name) ?? true) && suites.some((s) => tables.get(s)?.[name] !== undefined),
  );
  if (whole.length === 0)
    throw new MeshproofError("usage", "no fault table of these suites contains any of these faults", {
      remedy: "see suites/*/*.faults.yaml",
    });
  if (shard === undefined) return whole;
  const names = whole.map((f) => f.name);
  const own = shardOf(names, shard, recordedOrMean(readDurations().faults));
  if (own.length === 0)
    throw new MeshproofError("usage", `--shard ${shard.index}/${shard.count} has no fault`, {
      remedy: `there are ${whole.length} faults: make no more shards than that`,
    });
  return whole.filter((f) => own.includes(f.name));
}

async function proveUnderLock(
  options: ProveOptions,
  mesh: Mesh,
  chosen: readonly Fault[],
  proof: Proof,
): Promise<{ record: RunRecord; dir: string }> {
  const { say } = options;
  const dir = join(reportsDir(), options.runId);
  const startedMs = monotonicMs();
  const { faults: proven, cells } = await settledBefore(options.resume, chosen, proof);
  const open = chosen.filter((f) => !proven.some((p) => p.name === f.name));
  if (options.resume !== undefined)
    say(
      `${options.resume} has results for ${proven.length} of ${chosen.length} faults; ${open.length} are left`,
    );
  let stopped = false;
  for (const [i, fault] of open.entries()) {
    throwIfAborted(options.signal, "prove");
    say(`\n[${i + 1}/${open.length}, ${formatMs(monotonicMs() - startedMs)}] ${fault.name}: ${fault.does}`);
    const reported = await proveFault(options, fault, proof, join(dir, "faults"));
    cells.push(...reported.cells);
    proven.push(reported.fault);
    for (const cell of reported.cells.filter((c) => c.state !== "green" && c.state !== "killed"))
      say(`  >> ${cell.state}: ${cell.test}`);
    for (const error of reported.fault.errors) say(`  >> ${fault.name} did not work: ${error}`);
    // Written after each fault, so that results survive an interruption.
    await writeProof(dir, { schema: 1, faults: proven, cells });
    stopped =
      options.failFast === true && (reported.fault.errors.length > 0 || reported.cells.some(isSurvivor));
    if (!stopped) continue;
    say(`\n--fail-fast: stopped after ${proven.length} of ${chosen.length} faults`);
    break;
  }
  const final = stopped
    ? { record: await stoppedRun(options, mesh, startedMs), dir }
    : await testHealed(options, proof);
  const shard = options.selection?.shard;
  const everyFault =
    !stopped &&
    options.rerunFailed === undefined &&
    (options.faults.length === 0 || chosen.length === allFaults.length);
  const matrix: KillMatrix = {
    ...killMatrix(proven, cells, provenTests(final.record.suites)),
    everyFault,
  };
  const exitCode = proofExitCode(final.record.exitCode, matrix, everyFault && shard === undefined);
  const record = { ...final.record, killMatrix: matrix, ...shardRecord(shard), exitCode };
  await writeReport(final.dir, record);
  for (const line of proofLines(matrix)) say(line);
  return { record, dir: final.dir };
}

function testHealed(options: ProveOptions, proof: Proof): Promise<{ record: RunRecord; dir: string }> {
  const { lab, runId, command, say, signal } = options;
  const { suites } = proof;
  say("\nafter all faults: every suite on the healed mesh");
  return testLab({
    lab,
    suites,
    runId,
    selection: { only: onlyOf(suites, proof) },
    reportsDir: reportsDir(),
    command,
    say,
    signal,
    ...given({
      suitesDir: options.suitesDir,
      accept: options.accept,
      failFast: options.failFast,
      pauseOnFail: options.pauseOnFail,
      repeat: options.repeat,
    }),
  });
}

/** The run of a `prove` that `--fail-fast` ended: its kill matrix is all that it has. */
async function stoppedRun(options: ProveOptions, mesh: Mesh, startedMs: number): Promise<RunRecord> {
  const head = await runHead(mesh, options);
  return { ...head, durationMs: monotonicMs() - startedMs, suites: [], totals: totalsOf([]), exitCode: 0 };
}

/** Finished faults in `kill-matrix.json` of an earlier run, judged by the current tables. */
async function settledBefore(
  run: string | undefined,
  chosen: readonly Fault[],
  { suites, tables, tests, clusters }: Proof,
): Promise<{ faults: ProvenFault[]; cells: KillCell[] }> {
  if (run === undefined) return { faults: [], cells: [] };
  const path = run.endsWith(".json") ? resolve(run) : join(runFolder(run), matrixFile);
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new MeshproofError("usage", `${path} does not exist or cannot be read`, {
      cause: error,
      remedy: `name a folder of reports/ that contains a ${matrixFile}, or the path of such a file`,
    });
  });
  const before = parseRecord(text, proofFormat(run), {
    what: `${matrixFile} of run ${run}`,
    remedy: `name a folder of reports/ whose ${matrixFile} is intact, or omit --resume`,
  });
  const faults = before.faults.filter((reported) => {
    const fault = chosen.find((f) => f.name === reported.name);
    if (fault === undefined) return false;
    const mustRun = suites.flatMap((s) => {
      const expected = tables.get(s)?.[fault.name];
      if (expected === undefined) return [];
      const own = tests.get(s) ?? [];
      return own.flatMap((t) => {
        const state = requiredState(expected, t, clusters);
        return state === undefined ? [] : [{ test: `${s} > ${t}`, state }];
      });
    });
    return isSettled(reported, before.cells, mustRun);
  });
  return {
    faults,
    cells: before.cells.filter((c) => faults.some((f) => f.name === c.fault)),
  };
}
