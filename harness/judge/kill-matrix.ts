import { holdsName, namesObject } from "#harness/lib/names.ts";
import { matches } from "#harness/lib/pattern.ts";
import type { CellState, KillCell, KillMatrix, ProvenFault } from "#harness/model/kill-matrix.ts";
import type { TestRecord } from "#harness/model/record.ts";

/** What a fault should do to a suite: patterns over full test names, `*` for any text. */
export interface Expectation {
  readonly mustFail: readonly string[];
  /** Tests that must run and pass: the fault stays within their thresholds. */
  readonly mustPass: readonly string[];
  /** Tests that may fail too: the fault affects them on some runs, or indirectly. */
  readonly mayFail: readonly string[];
}

export const harmless: Expectation = { mustFail: [], mustPass: [], mayFail: [] };

/** What a test should do under a fault: fail, run and pass, stay green if it runs, or either. */
export function expectationOf(
  expected: Expectation,
  test: string,
  clusters: readonly string[],
): "fail" | "pass" | "green" | "either" {
  if (expected.mustFail.some((p) => matches(p, test, clusters))) return "fail";
  if (expected.mustPass.some((p) => matches(p, test, clusters))) return "pass";
  return expected.mayFail.some((p) => matches(p, test, clusters)) ? "either" : "green";
}

/** The state that a test's cell must have for its fault to prove anything; undefined if the table is not about it. */
export function requiredState(
  expected: Expectation,
  test: string,
  clusters: readonly string[],
): "killed" | "green" | undefined {
  const should = expectationOf(expected, test, clusters);
  if (should === "fail") return "killed";
  return should === "pass" ? "green" : undefined;
}

/** A test that the fault's table is about, but that was not run. */
export function notRun(fault: string, test: string): KillCell {
  return { fault, test, state: "unknown", outcome: "unknown", message: "it was not run" };
}

/**
 * `names`: the targets of the injection; a killed test's message contains at least one of them, and names more than a
 * cluster.
 */
export function judgeCell(
  fault: string,
  test: TestRecord,
  expected: Expectation,
  context: { readonly clusters: readonly string[]; readonly names: readonly string[] },
): KillCell {
  const { clusters, names } = context;
  const message = test.reasons.join("\n");
  const cell = (state: CellState): KillCell => ({
    fault,
    test: `${test.suite} > ${test.name}`,
    state,
    outcome: test.outcome,
    message: message.slice(0, 2000),
  });
  if (test.outcome === "unknown") return cell("unknown");
  const should = expectationOf(expected, test.name, clusters);
  if (test.outcome !== "fail") return cell(should === "fail" ? "survived" : "green");
  if (should === "fail") return cell(namedBy(message, names, clusters));
  return cell(should === "either" ? "green" : "broke");
}

/**
 * Of a failure: whether its message names the target, and more than a cluster. A target that is no cluster is enough; one
 * that is must come with a node, a pod, a service, a policy or a port.
 */
function namedBy(message: string, names: readonly string[], clusters: readonly string[]): CellState {
  const held = names.filter((n) => holdsName(message, n));
  if (held.length === 0) return "unnamed";
  return held.some((n) => !clusters.includes(n)) || namesObject(message) ? "killed" : "weak";
}

/**
 * Whether an earlier result of a fault is final: it worked, killed every test that must fail, and broke no other.
 * `mustRun`: `suite > test`, from the current tables, with the state that its cell must have.
 */
export function isSettled(
  fault: ProvenFault,
  cells: readonly KillCell[],
  mustRun: readonly { readonly test: string; readonly state: "killed" | "green" }[],
): boolean {
  const own = cells.filter((c) => c.fault === fault.name);
  return (
    fault.errors.length === 0 &&
    own.length > 0 &&
    own.every((c) => c.state === "killed" || c.state === "green") &&
    mustRun.every(({ test, state }) => own.some((c) => c.test === test && c.state === state))
  );
}

/** Worst first. Of cells of one test under one fault, as `--repeat` makes them, the worst counts. */
const worstFirst: readonly CellState[] = [
  "survived",
  "unnamed",
  "weak",
  "broke",
  "unknown",
  "killed",
  "green",
];

/** Each test under each fault once, in the order of the cells. */
export function worstCells(cells: readonly KillCell[]): KillCell[] {
  const worst = new Map<string, KillCell>();
  for (const cell of cells) {
    const key = JSON.stringify([cell.fault, cell.test]);
    const before = worst.get(key);
    if (before === undefined || worstFirst.indexOf(cell.state) < worstFirst.indexOf(before.state))
      worst.set(key, cell);
  }
  return [...worst.values()];
}

/** Whether a test let a fault through, did not name it or only its cluster, or failed for no reason. */
export const isSurvivor = ({ state }: Pick<KillCell, "state">): boolean =>
  state === "survived" || state === "unnamed" || state === "weak" || state === "broke";

/** `tests`: every test of the suites that can fail (not unsupported on a healthy mesh). */
export function killMatrix(
  faults: readonly ProvenFault[],
  cells: readonly KillCell[],
  tests: readonly string[],
): KillMatrix {
  return {
    faults,
    tests,
    cells,
    survivors: [
      ...faults.filter((f) => f.errors.length > 0).map((f) => f.name),
      ...cells
        .filter(isSurvivor)
        .map((c) => `${c.fault}: ${c.test}${c.state === "survived" ? "" : ` (${c.state})`}`),
    ],
    unkilled: tests.filter((t) => !cells.some((c) => c.test === t && c.state === "killed")),
  };
}
