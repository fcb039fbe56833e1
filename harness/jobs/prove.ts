import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Mesh } from "#harness/cluster/mesh.ts";
import { type ProveTable, readProveTables } from "#harness/config/prove-tables.ts";
import type { Fault } from "#harness/faults/fault.ts";
import { faults as allFaults, faultNamed } from "#harness/faults/index.ts";
import { lacked } from "#harness/faults/needs.ts";
import {
  type Expectation,
  expectationOf,
  harmless,
  isSettled,
  judgeCell,
  killMatrix,
  notRun,
} from "#harness/judge/kill-matrix.ts";
import { workOn } from "#harness/lab/open-lab.ts";
import { formatMs, monotonicMs } from "#harness/lib/clock.ts";
import { isTestMachineError, MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { throwIfAborted } from "#harness/lib/eventually.ts";
import { given } from "#harness/lib/given.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import {
  type KillCell,
  type KillMatrix,
  type ProofRecord,
  type ProvenFault,
  proofFormat,
  unknownCells,
} from "#harness/model/kill-matrix.ts";
import type { RunRecord } from "#harness/model/record.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { writeReportFile } from "#harness/platform/report-files.ts";
import { withLab } from "#harness/state/lock.ts";
import { reportsDir } from "#harness/testkit/run-dir.ts";
import { newRunId } from "#harness/testkit/run-id.ts";
import { type Named, type Selected, type Selection, select } from "#harness/testkit/selection.ts";
import { chooseSuites, listTests, loadAllSuites, suiteNames } from "#harness/testkit/suite-list.ts";
import { testLab } from "./test.ts";
import { writeReport } from "./write-report.ts";

export interface ProveOptions {
  readonly lab: string;
  /** Only the tables of these suites; by default, those of suites that every lab runs. */
  readonly suites: readonly string[];
  /** Only these faults. */
  readonly faults: readonly string[];
  readonly selection?: Selection;
  /** Also the suites of this folder, with their fault tables. */
  readonly suitesDir?: string;
  /** An earlier run to resume: its id, or the path of its kill-matrix.json, possibly from another machine. */
  readonly resume?: string;
  /** Every test under every fault, instead of only the expected killers and a few that must stay green. */
  readonly full: boolean;
  readonly runId: string;
  readonly command: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Quick suites, the quickest first: one that a fault should not affect runs with the expected killers. */
const sentinels = ["pod-to-pod", "affinity", "node-discovery", "global-service", "policy"] as const;

/**
 * The minimum number of tests that must stay green under a fault; if the killers' suites have fewer, a sentinel runs
 * too.
 */
const greenEnough = 2;

/** Shared by all faults of a `prove`. */
interface Proof {
  readonly suites: readonly string[];
  readonly tables: ReadonlyMap<string, ProveTable>;
  readonly tests: ReadonlyMap<string, readonly string[]>;
  /** Every suite that has a table, in the order of runs. */
  readonly order: readonly string[];
  readonly clusters: readonly string[];
  /** Titles of the tests to run in suites that do not run whole. */
  readonly left: Selected["tests"];
}

/**
 * Mutation testing of the mesh: for each fault, the suites that must detect it and a sentinel that must not; then all
 * suites on the healed mesh. The run's report is that of the last part, with the kill matrix.
 */
export async function prove(options: ProveOptions): Promise<{ record: RunRecord; dir: string }> {
  const mesh = new Mesh(await workOn(options.lab));
  const { plan: lab } = mesh.state;
  // Suites of specific labs are proven only if named, so that a default run ends within an hour.
  const all = await loadAllSuites(options.suitesDir);
  const { shard, ...selection } = options.selection ?? {};
  const clusters = lab.clusters.map((c) => c.name);
  const named = chooseSuites(all, options.suites, { suites: [] });
  const selected = select(named, selection, { clusters, repeat: 1 });
  const suites = selected.suites.map((s) => s.info.name);
  const tables = new Map(await readProveTables(join(repoRoot(), "suites")));
  if (options.suitesDir !== undefined)
    for (const [suite, table] of await readProveTables(options.suitesDir)) tables.set(suite, table);
  const plan = options.faults.length === 0 ? allFaults : options.faults.map(faultNamed);
  const here = plan.filter((f) => lacked(f, mesh) === undefined);
  const whole = here.filter((f) => suites.some((s) => tables.get(s)?.[f.name] !== undefined));
  // Faults are sorted by group, cheap ones first; distributed round-robin, every shard gets some of each.
  const chosen = whole.filter((_, i) => shard === undefined || i % shard.count === shard.index - 1);
  if (chosen.length === 0)
    throw new MeshproofError("usage", "no fault table of these suites contains any of these faults", {
      remedy: "see suites/*/*.faults.yaml",
    });
  const left = selected.tests;
  const proof: Proof = {
    suites,
    tables,
    tests: new Map([...listTests(all, clusters)].map(([suite, t]) => [suite, left[suite] ?? t])),
    order: suiteNames(all, "core", "lab"),
    left,
    clusters,
  };
  return withLab(options.lab, options.signal, (signal) =>
    proveUnderLock({ ...options, signal }, chosen, proof),
  );
}

async function proveUnderLock(
  options: ProveOptions,
  chosen: readonly Fault[],
  proof: Proof,
): Promise<{ record: RunRecord; dir: string }> {
  const { suites } = proof;
  const reports = reportsDir();
  const dir = join(reports, options.runId);
  const { faults: proven, cells } = await settledBefore(options.resume, chosen, proof);
  const open = chosen.filter((f) => !proven.some((p) => p.name === f.name));
  if (options.resume !== undefined)
    options.say(
      `${options.resume} has results for ${proven.length} of ${chosen.length} faults; ${open.length} are left`,
    );
  const startedMs = monotonicMs();
  for (const [i, fault] of open.entries()) {
    throwIfAborted(options.signal, "prove");
    options.say(
      `\n[${i + 1}/${open.length}, ${formatMs(monotonicMs() - startedMs)}] ${fault.name}: ${fault.does}`,
    );
    const reported = await proveFault(options, fault, proof, join(dir, "faults"));
    cells.push(...reported.cells);
    proven.push(reported.fault);
    for (const cell of reported.cells.filter((c) => c.state !== "green" && c.state !== "killed"))
      options.say(`  >> ${cell.state}: ${cell.test}`);
    for (const error of reported.fault.errors) options.say(`  >> ${fault.name} did not work: ${error}`);
    // Written after each fault, so that results survive an interruption.
    const record: ProofRecord = { schema: 1, faults: proven, cells };
    await writeReportFile(join(dir, matrixFile), `${JSON.stringify(record, null, 1)}\n`);
  }
  options.say("\nafter all faults: every suite on the healed mesh");
  const final = await testLab({
    lab: options.lab,
    suites,
    runId: options.runId,
    selection: { only: onlyOf(suites, proof) },
    ...given({ suitesDir: options.suitesDir }),
    reportsDir: reports,
    command: options.command,
    say: options.say,
    signal: options.signal,
  });
  const tests = final.record.suites.flatMap((s) =>
    s.tests.filter((t) => t.outcome !== "unsupported").map((t) => `${s.name} > ${t.name}`),
  );
  const matrix = killMatrix(proven, cells, tests);
  const record = {
    ...final.record,
    killMatrix: matrix,
    exitCode: proofExitCode(
      final.record,
      matrix,
      options.selection?.shard === undefined &&
        (chosen.length === allFaults.length || options.faults.length === 0),
    ),
  };
  await writeReport(final.dir, record);
  for (const line of summary(matrix)) options.say(line);
  return { record, dir: final.dir };
}

/** Finished faults in `kill-matrix.json` of an earlier run, judged by the current tables. */
async function settledBefore(
  run: string | undefined,
  chosen: readonly Fault[],
  { suites, tables, tests, clusters }: Proof,
): Promise<{ faults: ProvenFault[]; cells: KillCell[] }> {
  if (run === undefined) return { faults: [], cells: [] };
  const path = run.endsWith(".json") ? run : join(reportsDir(), run, matrixFile);
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
    const mustFail = suites.flatMap((s) => {
      const expected = tables.get(s)?.[fault.name];
      const own = expected === undefined ? [] : (tests.get(s) ?? []);
      return own.filter((t) => expectationOf(expected!, t, clusters) === "fail").map((t) => `${s} > ${t}`);
    });
    return isSettled(reported, before.cells, mustFail);
  });
  return {
    faults,
    cells: before.cells.filter((c) => faults.some((f) => f.name === c.fault)),
  };
}

const matrixFile = "kill-matrix.json";

/** `whole`: every fault was tried, so that a test killed by none of them counts as a failure. */
function proofExitCode(record: RunRecord, matrix: KillMatrix, whole: boolean): number {
  if (record.exitCode === 130 || record.exitCode === 1) return record.exitCode;
  if (matrix.survivors.length > 0 || (whole && matrix.unkilled.length > 0)) return 1;
  if (unknownCells(matrix) > 0) return 3;
  return record.exitCode;
}

function summary(matrix: KillMatrix): string[] {
  const killed = matrix.cells.filter((c) => c.state === "killed").length;
  return [
    "",
    `kill matrix: ${matrix.faults.length} faults, ${killed} kills, ${matrix.survivors.length} survivors; ${matrix.tests.length - matrix.unkilled.length} of ${matrix.tests.length} tests were killed at least once`,
    ...(unknownCells(matrix) === 0
      ? []
      : [
          `  ${unknownCells(matrix)} cells are unknown because the rig was disturbed: prove their faults again with --fault`,
        ]),
    ...matrix.survivors.map((s) => `  survivor: ${s}`),
    ...matrix.unkilled.map((t) => `  never killed: ${t}`),
  ];
}

/** The suites that run under a fault: its killers, and a sentinel if too few of their tests must stay green. */
function suitesFor(
  options: ProveOptions,
  fault: Fault,
  { suites, tables, tests, clusters }: Proof,
): readonly string[] {
  if (options.full) return suites;
  const killers = suites.filter((s) => tables.get(s)?.[fault.name] !== undefined);
  // A fault in a suite's own objects needs a suite with such objects; under a mesh-wide fault nothing stays green.
  if (fault.needsNamespace === true || fault.wide === true) return killers;
  const green = killers.flatMap((s) =>
    tests.get(s)!.filter((t) => expectationOf(tables.get(s)![fault.name]!, t, clusters) === "green"),
  );
  const sentinel = sentinels.find((s) => tables.get(s)?.[fault.name] === undefined);
  return green.length >= greenEnough || sentinel === undefined ? killers : [...killers, sentinel];
}

/** The tests to run of some suites. */
const onlyOf = (suites: readonly string[], { left }: Proof): Named[] =>
  suites.flatMap((suite): Named[] => left[suite]?.map((test) => ({ suite, test })) ?? [{ suite }]);

async function proveFault(
  options: ProveOptions,
  fault: Fault,
  proof: Proof,
  reports: string,
): Promise<{ fault: ProvenFault; cells: KillCell[] }> {
  const expected = (suite: string): Expectation => proof.tables.get(suite)?.[fault.name] ?? harmless;
  const chosen = suitesFor(options, fault, proof);
  const startedMs = monotonicMs();
  const errors: string[] = [];
  const cells: KillCell[] = [];
  /** Adds a `not run` cell for every test that must fail but is not in `ran`. */
  const addNotRun = (suite: string, ran: ReadonlySet<string>): void => {
    for (const test of proof.tests.get(suite) ?? [])
      if (expectationOf(expected(suite), test, proof.clusters) === "fail" && !ran.has(test))
        cells.push(notRun(fault.name, `${suite} > ${test}`));
  };
  let subject = "";
  try {
    const { record } = await testLab({
      lab: options.lab,
      suites: proof.order.filter((s) => chosen.includes(s)),
      runId: newRunId(),
      reportsDir: reports,
      fault: fault.name,
      selection: { only: onlyOf(chosen, proof) },
      ...given({ suitesDir: options.suitesDir }),
      ...(options.full ? {} : { expected: Object.fromEntries(chosen.map((c) => [c, expected(c)])) }),
      command: meshCommand("test", ...chosen, "--with-fault", fault.name, "--lab", options.lab),
      say: options.say,
      signal: options.signal,
    });
    const context = {
      clusters: proof.clusters,
      names: record.suites.flatMap((s) => s.tests).flatMap((t) => t.notes.fault?.names ?? []),
    };
    for (const suite of chosen) {
      const { tests } = record.suites.find((s) => s.name === suite) ?? { tests: [] };
      const verdicts = new Set(
        // Unsupported tests are reported elsewhere.
        tests.filter((t) => t.outcome !== "skipped").map((t) => t.name),
      );
      addNotRun(suite, verdicts);
    }
    for (const suite of record.suites) {
      errors.push(...suite.errors.map((e) => `${suite.name}: ${e}`));
      for (const test of suite.tests) {
        subject ||= test.notes.fault?.subject ?? "";
        if (test.outcome === "unsupported" || test.outcome === "skipped") continue;
        cells.push(judgeCell(fault.name, test, expected(suite.name), context));
      }
    }
  } catch (error) {
    // If the test machine was disturbed, the fault counts as untried, not as survived.
    if (isTestMachineError(error)) {
      options.say(`  UNKNOWN     ${fault.name}: ${messageOf(error)}`);
      for (const suite of chosen) addNotRun(suite, new Set());
    } else errors.push(messageOf(error));
  }
  return {
    cells,
    fault: {
      name: fault.name,
      group: fault.group,
      does: fault.does,
      subject,
      durationMs: monotonicMs() - startedMs,
      run: options.runId,
      errors,
    },
  };
}
