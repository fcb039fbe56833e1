import { judgeByBaseline } from "#harness/judge/baseline.ts";
import { readSeries } from "#harness/measure/series.ts";
import type { Budgets } from "#harness/model/budgets.ts";
import { givesFigures, type Measurement } from "#harness/model/measurement.ts";
import { combine, type Verdict } from "#harness/model/verdict.ts";

interface BaselineRun {
  readonly measurement: Omit<Measurement, "outcome">;
  readonly verdict: Verdict;
  /** Whether it is the last repetition of its direction. */
  readonly last: boolean;
  readonly baseline: string | undefined;
  readonly budgets: Pick<Budgets, "baselineRuns" | "baselineErrorRate">;
}

/**
 * The runs of one scenario by target cluster. They are compared with the baseline together, after the last one: one run
 * cannot be told from a baseline with a low error rate.
 */
export class BaselineRuns {
  readonly #measured = new Map<string, Measurement[]>();

  verdictOf({ measurement, verdict, last, baseline, budgets }: BaselineRun): Verdict {
    const measured = this.#measured.get(measurement.struck) ?? [];
    measured.push({ ...measurement, outcome: verdict.outcome });
    this.#measured.set(measurement.struck, measured);
    if (baseline === undefined || !last) return verdict;
    const usable = measured.filter(givesFigures);
    return combine([
      verdict,
      judgeByBaseline(usable, readSeries(baseline), {
        runs: budgets.baselineRuns,
        errorRate: budgets.baselineErrorRate,
      }),
    ]);
  }
}
