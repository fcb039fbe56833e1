import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
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
import { found } from "#harness/lib/found.ts";
import { given } from "#harness/lib/given.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import { type KillCell, type KillMatrix, type ProvenFault, proofFormat } from "#harness/model/kill-matrix.ts";
import type { RunRecord } from "#harness/model/record.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { withLab } from "#harness/state/lock.ts";
import { reportsDir, runFolder } from "#harness/testkit/run-dir.ts";
import { newRunId } from "#harness/testkit/run-id.ts";
import { type Named, type Selected, type Selection, select } from "#harness/testkit/selection.ts";
import { chooseSuites, listTests, loadAllSuites } from "#harness/testkit/suite-list.ts";
import { matrixFile, proofExitCode, proofLines, writeProof } from "./proof.ts";
import { shardRecord } from "./shard-record.ts";
import { testLab } from "./test.ts";
import { writeReport } from "./write-report.ts";

export interface ProveOptions {
  readonly lab: string;
  /** Only the tables of these suites; by default of those that every lab runs. */
  readonly suites: readonly string[];
  /** Only these faults. */
  readonly faults: readonly string[];
  readonly selection?: Selection;
  /** Also the suites of this folder, with their fault tables. */
  readonly suitesDir?: string;
  /** An earlier run to go on with: its id, or the path of its kill-matrix.json, which may be another machine's. */
  readonly resume?: string;
  /** Every test under every fault, instead of the expected killers and a few that must stay green. */
  readonly full: boolean;
  readonly runId: string;
  readonly command: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Quick suites, the quickest first: one that a fault should not touch runs beside the expected killers. */
const sentinels = ["pod-to-pod", "affinity", "node-discovery", "global-service", "policy"] as const;

/** As many tests must stay green under a fault; where the killers' own suites have fewer, a sentinel runs too. */
const greenEnough = 2;

/** What all faults of a `prove` share. */
interface Proof {
  readonly suites: readonly string[];
  readonly tables: ReadonlyMap<string, ProveTable>;
  readonly tests: ReadonlyMap<string, readonly string[]>;
  /** Every suite, long ones included, in the order of runs. */
  readonly order: readonly string[];
  readonly clusters: readonly string[];
  /** Titles of the tests to run, of suites that do not run whole. */
  readonly left: Selected["tests"];
}

/**
 * Mutation testing of the mesh: each fault in turn, the suites that must see it and a sentinel that must not, then all
 * suites on the healed mesh. The run's report is that of the last part, with the kill matrix.
 */
export async function prove(options: ProveOptions): Promise<{ record: RunRecord; dir: string }> {
  const mesh = new Mesh(await workOn(options.lab));
  const { plan: lab } = mesh.state;
  // What one lab has beside the rest is proven where it is named: the whole must end within the hour.
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
  // Faults lie by group, cheap ones first: dealt out in turn, every shard gets some of each.
  const chosen = whole.filter((_, i) => shard === undefined || i % shard.count === shard.index - 1);
  if (chosen.length === 0)
    throw new MeshproofError("usage", "no table of these suites names any of these faults", {
      remedy: "see suites/*/*.faults.yaml",
    });
  const left = selected.tests;
  const proof: Proof = {
    suites,
    tables,
    tests: new Map([...listTests(all, clusters)].map(([suite, t]) => [suite, left[suite] ?? t])),
    order: all.map((s) => s.info.name),
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
      `${options.resume} settled ${proven.length} of ${chosen.length} faults: ${open.length} are open`,
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
    // As it goes: an hour's work survives whatever ends this one.
    await writeProof(dir, { schema: 1, faults: proven, cells });
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
  const everyFault = options.faults.length === 0 || chosen.length === allFaults.length;
  const matrix: KillMatrix = { ...killMatrix(proven, cells, tests), everyFault };
  const shard = options.selection?.shard;
  const record = {
    ...final.record,
    killMatrix: matrix,
    ...shardRecord(shard),
    exitCode: proofExitCode(final.record.exitCode, matrix, everyFault && shard === undefined),
  };
  await writeReport(final.dir, record);
  for (const line of proofLines(matrix)) options.say(line);
  return { record, dir: final.dir };
}

/** What `kill-matrix.json` of an earlier run says of the faults that it settled, by the tables of now. */
async function settledBefore(
  run: string | undefined,
  chosen: readonly Fault[],
  { suites, tables, tests, clusters }: Proof,
): Promise<{ faults: ProvenFault[]; cells: KillCell[] }> {
  if (run === undefined) return { faults: [], cells: [] };
  const path = run.endsWith(".json") ? resolve(run) : join(runFolder(run), matrixFile);
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new MeshproofError("usage", `there is no record of prove at ${path}`, {
      cause: error,
      remedy: `name a folder of reports/ that holds a ${matrixFile}, or the path of such a file`,
    });
  });
  const before = parseRecord(text, proofFormat(run), {
    what: `${matrixFile} of run ${run}`,
    remedy: `name a folder of reports/ whose ${matrixFile} is whole, or leave --resume out`,
  });
  const faults = before.faults.filter((reported) => {
    const fault = chosen.find((f) => f.name === reported.name);
    if (fault === undefined) return false;
    const mustFail = suites.flatMap((s) => {
      const expected = tables.get(s)?.[fault.name];
      if (expected === undefined) return [];
      const own = tests.get(s) ?? [];
      return own.filter((t) => expectationOf(expected, t, clusters) === "fail").map((t) => `${s} > ${t}`);
    });
    return isSettled(reported, before.cells, mustFail);
  });
  return {
    faults,
    cells: before.cells.filter((c) => faults.some((f) => f.name === c.fault)),
  };
}

/** The suites that a fault is tried on: its killers, and a sentinel where they have too little that must stay green. */
function suitesFor(
  options: ProveOptions,
  fault: Fault,
  { suites, tables, tests, clusters }: Proof,
): readonly string[] {
  if (options.full) return suites;
  const expected = suites.flatMap((suite) => {
    const table = tables.get(suite)?.[fault.name];
    return table === undefined ? [] : [{ suite, table }];
  });
  const killers = expected.map((e) => e.suite);
  // A fault of a suite's own objects needs a suite that has such objects; beside a wide one nothing stays green.
  if (fault.needsNamespace === true || fault.wide === true) return killers;
  const green = expected.flatMap(({ suite, table }) =>
    found(tests.get(suite), `list of the tests of ${suite}`).filter(
      (t) => expectationOf(table, t, clusters) === "green",
    ),
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
  /** Every test that must fail and is none of these was not run. */
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
        // What a lab cannot do is said elsewhere.
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
    // The test machine's trouble leaves the fault untried; it does not survive by it.
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
