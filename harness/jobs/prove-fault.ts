import type { ProveTable } from "#harness/config/prove-tables.ts";
import type { Fault } from "#harness/faults/fault.ts";
import {
  type Expectation,
  expectationOf,
  harmless,
  judgeCell,
  notRun,
  requiredState,
  worstCells,
} from "#harness/judge/kill-matrix.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import { isTestMachineError, messageOf } from "#harness/lib/errors.ts";
import { given } from "#harness/lib/given.ts";
import { before } from "#harness/lib/names.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import type { KillCell, ProvenFault } from "#harness/model/kill-matrix.ts";
import { newRunId } from "#harness/testkit/run-id.ts";
import { type Named, type Selected, withoutCount } from "#harness/testkit/selection.ts";
import { type TestOptions, testLab } from "./test.ts";

/** Those that `prove` shares with `test` mean the same there; what fails, under a fault, is what its table does not explain. */
export interface ProveOptions
  extends Pick<
    TestOptions,
    "selection" | "rerunFailed" | "suitesDir" | "accept" | "failFast" | "pauseOnFail" | "repeat"
  > {
  readonly lab: string;
  /** Only the tables of these suites; by default, those of suites that every lab runs. */
  readonly suites: readonly string[];
  /** Only these faults. */
  readonly faults: readonly string[];
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

/** What all faults of a `prove` share. */
export interface Proof {
  readonly suites: readonly string[];
  readonly tables: ReadonlyMap<string, ProveTable>;
  readonly tests: ReadonlyMap<string, readonly string[]>;
  /** Every suite that has a table, in the order of runs. */
  readonly order: readonly string[];
  readonly clusters: readonly string[];
  /** Titles of the tests to run in suites that do not run whole. */
  readonly left: Selected["tests"];
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
  const green = killers.flatMap((s) => {
    const expected = tables.get(s)?.[fault.name] ?? harmless;
    return (tests.get(s) ?? []).filter((t) =>
      ["green", "pass"].includes(expectationOf(expected, t, clusters)),
    );
  });
  const sentinel = sentinels.find((s) => tables.get(s)?.[fault.name] === undefined);
  return green.length >= greenEnough || sentinel === undefined ? killers : [...killers, sentinel];
}

/** The tests to run of some suites. */
export const onlyOf = (suites: readonly string[], { left }: Proof): Named[] =>
  suites.flatMap((suite): Named[] => left[suite]?.map((test) => ({ suite, test })) ?? [{ suite }]);

/**
 * Runs the tests that failed under a fault again, now that it is healed: a test that stays red did not fail because of
 * the fault, or the fault left something behind. That is an error of the fault; without a verdict its cells are unknown.
 */
async function runAgain(
  options: ProveOptions,
  proof: Proof,
  { fault, reports, cells, errors }: { fault: string; reports: string; cells: KillCell[]; errors: string[] },
): Promise<void> {
  const failed = [...new Set(cells.filter((c) => c.outcome === "fail").map((c) => c.test))];
  if (failed.length === 0) return;
  options.say(`  healed: ${failed.length} of its tests once more`);
  const only = failed.map((full): Named => {
    const suite = before(full, " > ");
    return { suite, test: full.slice(suite.length + 3) };
  });
  const suites = proof.order.filter((s) => only.some((o) => o.suite === s));
  const { record } = await testLab({
    lab: options.lab,
    suites,
    runId: newRunId(),
    reportsDir: reports,
    selection: { only },
    ...given({ suitesDir: options.suitesDir, accept: options.accept, pauseOnFail: options.pauseOnFail }),
    command: meshCommand("test", ...suites, "--lab", options.lab),
    say: options.say,
    signal: options.signal,
  });
  const tests = record.suites.flatMap((s) => s.tests);
  for (const name of failed) {
    const again = tests.find((t) => `${t.suite} > ${t.name}` === name);
    // A capability that only the test itself looks for may be missing in a whole mesh too.
    const sound = again?.outcome === "pass" || again?.outcome === "unsupported";
    if (sound || again?.accepted !== undefined) continue;
    const why = again?.reasons.join("; ").slice(0, 500) ?? "it was not run";
    if (again?.outcome === "fail") errors.push(`${name} still fails after healing: ${why}`);
    else
      cells.push({
        fault,
        test: name,
        state: "unknown",
        outcome: "unknown",
        message: `after healing: ${why}`,
      });
  }
}

export async function proveFault(
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
  /** Adds a `not run` cell for every test that the fault's table is about but that is not in `ran`. */
  const addNotRun = (suite: string, ran: ReadonlySet<string>): void => {
    for (const test of proof.tests.get(suite) ?? [])
      if (requiredState(expected(suite), test, proof.clusters) !== undefined && !ran.has(test))
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
      expected: Object.fromEntries(chosen.map((c) => [c, expected(c)])),
      includeEither: options.full,
      // A test that a fault makes fail is no failure: nothing stops early here.
      ...given({
        suitesDir: options.suitesDir,
        accept: options.accept,
        pauseOnFail: options.pauseOnFail,
        repeat: options.repeat,
      }),
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
        tests.filter((t) => t.outcome !== "skipped").map((t) => withoutCount(t.name)),
      );
      addNotRun(suite, verdicts);
    }
    for (const suite of record.suites) {
      errors.push(...suite.errors.map((e) => `${suite.name}: ${e}`));
      for (const test of suite.tests) {
        subject ||= test.notes.fault?.subject ?? "";
        if (test.outcome === "unsupported" || test.outcome === "skipped") continue;
        // A failure that the user accepts says nothing of the fault.
        if (test.accepted !== undefined) continue;
        const once = { ...test, name: withoutCount(test.name) };
        cells.push(judgeCell(fault.name, once, expected(suite.name), context));
      }
    }
    await runAgain(options, proof, { fault: fault.name, reports, cells, errors });
  } catch (error) {
    // If the test machine was disturbed, the fault counts as untried, not as survived.
    if (isTestMachineError(error)) {
      options.say(`  UNKNOWN     ${fault.name}: ${messageOf(error)}`);
      for (const suite of chosen) addNotRun(suite, new Set());
    } else errors.push(messageOf(error));
  }
  return {
    cells: worstCells(cells),
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
