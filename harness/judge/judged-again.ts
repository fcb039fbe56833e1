import type { Losses } from "#harness/model/loss-record.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import type { RowBudgets } from "#harness/model/published.ts";
import { judgeLosses } from "./measured.ts";

/** A measurement with the verdict of the present rule; its figures stay those that were measured. */
export interface JudgedAgain {
  readonly measurement: Measurement;
  readonly reasons: readonly string[];
}

/** Judges the loss record of a measurement by the present rule. */
export function judgedAgain({ undecided: _, ...measured }: Measurement, losses: Losses): JudgedAgain {
  const { figures, verdict } = judgeLosses(losses);
  const { undecided } = figures;
  return {
    measurement: {
      ...measured,
      outcome: verdict.outcome,
      ...(undecided === undefined ? {} : { undecided }),
    },
    reasons: verdict.reasons,
  };
}

/** The distinct budgets for lost time of some runs, in milliseconds, the main vantage point's first. */
export function budgetsIn(losses: readonly Losses[]): Pick<RowBudgets, "awayMs" | "backMs"> {
  const distinct = (window: "away" | "back"): number[] => {
    const of = (points: Losses["points"]): number[] =>
      points.flatMap(({ expected }) => expected[window]?.lostTimeMs ?? []);
    return [
      ...new Set([
        ...losses.flatMap(({ points }) => of(points.slice(0, 1))),
        ...losses.flatMap(({ points }) => of(points)),
      ]),
    ];
  };
  return { awayMs: distinct("away"), backMs: distinct("back") };
}
