import type { RunnerTestCase, RunnerTestSuite } from "vitest";
import { isSurvivor, judgeCell } from "#harness/judge/kill-matrix.ts";
import type { RunContext } from "#harness/model/run-context.ts";
import { withoutCount } from "./selection.ts";

/** Also in the set-up, where evidence is most useful. */
export const hasFailed = (suite: RunnerTestSuite): boolean =>
  hasErrors(suite) || testsOf(suite).some((t) => t.result?.state === "fail");

/**
 * Whether a suite that ended holds something to look at: a failure; under a fault whose effect is known, what that does not
 * explain.
 */
export function holdsSurprise(suite: RunnerTestSuite, name: string, run: RunContext): boolean {
  const { fault, clusters } = run;
  const expected = run.expected[name];
  if (hasErrors(suite)) return true;
  const isAccepted = (title: string): boolean => run.accepted[name]?.includes(withoutCount(title)) ?? false;
  const tests = testsOf(suite).filter((t) => !isAccepted(t.name));
  if (fault === undefined || expected === undefined) return tests.some((t) => t.result?.state === "fail");
  return tests.some(({ name: title, meta, result }) => {
    if (result?.state !== "pass" && result?.state !== "fail") return false;
    const record = {
      suite: name,
      name: withoutCount(title),
      outcome: result.state,
      reasons: (result.errors ?? []).map((e) => e.message),
      durationMs: 0,
      notes: {},
    };
    return isSurvivor(
      judgeCell(fault, record, expected, { clusters, names: meta.meshproof?.fault?.names ?? [] }),
    );
  });
}

const hasErrors = ({ result, tasks }: RunnerTestSuite): boolean =>
  (result?.errors?.length ?? 0) > 0 || tasks.some((t) => t.type === "suite" && hasErrors(t));

const testsOf = ({ tasks }: RunnerTestSuite): RunnerTestCase[] =>
  tasks.flatMap((t) => (t.type === "suite" ? testsOf(t) : [t]));
