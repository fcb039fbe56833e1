import { messageOf } from "#harness/lib/errors.ts";
import { throwIfAborted } from "#harness/lib/eventually.ts";
import type { StandingTraffic } from "#harness/measure/standing-traffic.ts";
import type { PhaseRecord } from "#harness/model/certificate.ts";
import { countsAsFailure, type SuiteRecord, type TestRecord } from "#harness/model/record.ts";
import { testLab } from "../test.ts";

export interface PhaseSuites {
  readonly lab: string;
  readonly suites: readonly string[];
  readonly runId: string;
  readonly reportsDir: string;
  readonly command: string;
  /** Failures that count as none. */
  readonly accept: readonly string[];
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Continuous traffic runs too: with both at full rate, the two cores would limit the rig, not the mesh. */
const probeIntervalFactor = 4;
/** Factor by which the interval of the continuous traffic grows meanwhile. */
export const besideSuites = 20;

/** Results of suites in a window of their own, and errors of the harness outside of them. */
export interface RanSuites {
  readonly suites: PhaseRecord["suites"];
  readonly harness: readonly string[];
}

/**
 * The suites' results with the current versions. A suite that did not run has no tests. Ends when traffic has its full
 * rate again.
 */
export async function runPhaseSuites(
  traffic: Pick<StandingTraffic, "setIntervalFactor" | "settled">,
  options: PhaseSuites,
): Promise<RanSuites> {
  const { suites, signal, runId } = options;
  traffic.setIntervalFactor(besideSuites);
  const { record } = await testLab({ ...options, probeIntervalFactor }).finally(() =>
    traffic.setIntervalFactor(1),
  );
  throwIfAborted(signal, runId);
  const restless = await traffic.settled().then(
    () => [],
    (failure: unknown) => {
      throwIfAborted(signal, runId);
      return [`traffic did not recover after the suites: ${messageOf(failure)}`];
    },
  );
  const reported = suites.map((name) => {
    const suite = record.suites.find((s) => s.name === name);
    return suite === undefined ? { ...noTests, name, run: record.runId } : summaryOf(suite, record.runId);
  });
  const errors = record.totals.errors - record.suites.reduce((n, s) => n + s.errors.length, 0);
  return {
    suites: reported,
    harness: [
      ...(errors > 0 ? [`${errors} errors outside the tests (run ${record.runId})`] : []),
      ...restless,
    ],
  };
}

const noTests = { tests: {}, failures: [], accepted: [], errors: [], unsupported: [], skipped: [] };

function summaryOf(suite: SuiteRecord, run: string): PhaseRecord["suites"][number] {
  const named = (is: (t: TestRecord) => boolean): string[] =>
    suite.tests.filter(is).map((t) => [t.name, ...t.reasons].join(": "));
  return {
    name: suite.name,
    run,
    tests: Object.fromEntries(
      [...Map.groupBy(suite.tests, (t) => t.outcome)].map(([outcome, tests]) => [outcome, tests.length]),
    ),
    failures: named((t) => t.outcome !== "unknown" && countsAsFailure(t)),
    unknown: named((t) => t.outcome === "unknown"),
    accepted: named((t) => t.accepted !== undefined),
    // Set-up and clean-up are the harness's: what failed there says nothing about the upgrade.
    errors: [...suite.errors],
    unsupported: named((t) => t.outcome === "unsupported"),
    skipped: named((t) => t.outcome === "skipped"),
  };
}
