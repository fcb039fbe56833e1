import { hundredths, sortedQuantile } from "#harness/lib/stats.ts";
import type { History } from "#harness/model/history.ts";
import type { Point, Window } from "#harness/model/loss-record.ts";
import { passed, unknownBecause, type Verdict } from "#harness/model/verdict.ts";

/** Limits of the test machine where no budget is judged. */
export interface RigThresholds {
  readonly latenessP99Ms: number;
  readonly stallMs: number;
  readonly controlLossShare: number;
}

export interface RigFacts {
  readonly latenessP99Ms: number;
  readonly latenessMaxMs: number;
  readonly controlLost: number;
  readonly controlSent: number;
}

/** The prober's own scheduling error and control losses from `sinceMs` on: earlier, programs are still starting. */
export function rigFacts(history: Pick<History, "samples" | "control">, sinceMs: number): RigFacts {
  const lateness: number[] = [];
  for (const s of history.samples) if (s.dueMs >= sinceMs) lateness.push(s.sentMs - s.dueMs);
  let controlLost = 0;
  let controlSent = 0;
  for (const s of history.control) {
    if (s.dueMs < sinceMs) continue;
    controlSent += 1;
    if (s.outcome !== "ok") controlLost += 1;
  }
  lateness.sort((a, b) => a - b);
  return {
    latenessP99Ms: sortedQuantile(lateness, 0.99),
    latenessMaxMs: sortedQuantile(lateness, 1),
    controlLost,
    controlSent,
  };
}

/** Shares of a budget that the prober's own errors may take of it for a verdict. */
export const ofBudget = { latenessP99: 0.05, stall: 0.25 };

/** Limits of the test machine for a figure that is published. */
const ofFigures: RigThresholds = { latenessP99Ms: 20, stallMs: 100, controlLossShare: 0.01 };

/** Limits for a verdict on a budget; a budget of zero has no share, so the plain limits hold. */
export function limitsForBudget(budgetMs: number, plain: RigThresholds): RigThresholds {
  if (budgetMs <= 0) return plain;
  return {
    ...plain,
    latenessP99Ms: ofBudget.latenessP99 * budgetMs,
    stallMs: ofBudget.stall * budgetMs,
  };
}

/** The part of a vantage point that shows the state of its prober. */
export type Watched = Pick<Point, "vantage" | "missing" | "everyMs">;

/** Whether the prober was undisturbed in a window, so that the window says something about the mesh. */
export function judgeProber(watched: Watched, window: Window, limits: RigThresholds): Verdict {
  const reasons = proberTroubles(watched, window, limits);
  return reasons.length === 0 ? passed : unknownBecause(reasons);
}

function proberTroubles(
  { vantage, missing, everyMs }: Watched,
  window: Window,
  limits: RigThresholds,
): string[] {
  const { latenessP99Ms, latenessMaxMs, controlSent, controlLost } = window.prober;
  const last = window.runs.at(-1);
  if (latenessP99Ms === null || latenessMaxMs === null || last === undefined)
    return [`the prober at ${vantage} sent nothing`];
  const silentMs = window.untilMs - last.lastMs - everyMs;
  return [
    ...(missing > 0 ? [`${missing} samples of the prober at ${vantage} never arrived`] : []),
    ...(silentMs > limits.stallMs
      ? [`the prober at ${vantage} sent nothing in the last ${silentMs.toFixed(0)} ms of the window`]
      : []),
    ...rigTroubles(vantage, { latenessP99Ms, latenessMaxMs, controlSent, controlLost }, limits),
  ];
}

/** Why the figures of a vantage point must not be published; its verdict may still count. */
export function figureTroubles(point: Point): string[] {
  const { vantage, everyMs, clockErrorMs } = point;
  const clock =
    clockErrorMs > everyMs
      ? [
          `the clock of the prober at ${vantage} may differ by ${clockErrorMs.toFixed(1)} ms (limit ${everyMs} ms, one interval)`,
        ]
      : [];
  const troubles = [point.away, point.back].flatMap((w) => proberTroubles(point, w, ofFigures));
  return [...new Set([...clock, ...troubles])];
}

/** Problems of a prober, as sentences; empty if there were none. */
export function rigTroubles(vantage: string, facts: RigFacts, limits: RigThresholds): string[] {
  const reasons: string[] = [];
  if (facts.latenessP99Ms > limits.latenessP99Ms) {
    reasons.push(
      `the prober at ${vantage} sent 1 % of its requests over ${facts.latenessP99Ms.toFixed(1)} ms late (limit ${hundredths(limits.latenessP99Ms)} ms)`,
    );
  }
  if (facts.latenessMaxMs > limits.stallMs) {
    reasons.push(
      `the prober at ${vantage} stood still for ${facts.latenessMaxMs.toFixed(0)} ms (limit ${hundredths(limits.stallMs)} ms)`,
    );
  }
  if (facts.controlSent === 0) reasons.push(`the prober at ${vantage} has no control samples`);
  else if (facts.controlLost / facts.controlSent > limits.controlLossShare) {
    reasons.push(
      `${facts.controlLost} of ${facts.controlSent} control requests at ${vantage}, which cross no mesh, were lost`,
    );
  }
  return reasons;
}
