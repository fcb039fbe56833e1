import type { PhaseRecord } from "#harness/core/certificate.ts";
import { throwIfAborted } from "#harness/core/eventually.ts";
import type { SuiteRecord, TestRecord } from "#harness/core/record.ts";
import { testLab } from "../test.ts";

export interface PhaseSuites {
  readonly lab: string;
  readonly suites: readonly string[];
  readonly runId: string;
  readonly reportsDir: string;
  readonly command: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** The suites as they judge the versions of now. One that was asked for and did not run has failed. */
export async function runPhaseSuites(options: PhaseSuites): Promise<PhaseRecord["suites"]> {
  const { suites, signal, runId } = options;
  const { record } = await testLab(options);
  throwIfAborted(signal, runId);
  return suites.map((name) => {
    const suite = record.suites.find((s) => s.name === name);
    return suite === undefined || suite.tests.length + suite.errors.length === 0
      ? { name, run: record.runId, tests: {}, failures: ["it did not run"], unsupported: [], skipped: [] }
      : summaryOf(suite, record.runId);
  });
}

function summaryOf(suite: SuiteRecord, run: string): PhaseRecord["suites"][number] {
  const named = (outcome: TestRecord["outcome"]): string[] =>
    suite.tests.filter((t) => t.outcome === outcome).map((t) => [t.name, ...t.reasons].join(": "));
  return {
    name: suite.name,
    run,
    tests: Object.fromEntries(
      [...Map.groupBy(suite.tests, (t) => t.outcome)].map(([outcome, tests]) => [outcome, tests.length]),
    ),
    failures: [...suite.errors, ...named("fail")],
    unsupported: named("unsupported"),
    skipped: named("skipped"),
  };
}
