import type { History } from "#harness/core/history.ts";
import { quantile } from "#harness/core/stats.ts";
import { passed, unknownBecause, type Verdict } from "#harness/core/verdict.ts";

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

/** The prober's own scheduling error and control losses from `sinceMs` on: before it, programs are still starting. */
export function rigFacts(history: History, sinceMs: number): RigFacts {
  const lateness = history.samples.filter((s) => s.dueMs >= sinceMs).map((s) => s.sentMs - s.dueMs);
  const control = history.control.filter((s) => s.dueMs >= sinceMs);
  return {
    latenessP99Ms: quantile(lateness, 0.99),
    latenessMaxMs: quantile(lateness, 1),
    controlLost: control.filter((s) => s.outcome !== "ok").length,
    controlSent: control.length,
  };
}

/** Whether the rig was well enough for the history to mean anything about the mesh. */
export function judgeRig(history: History, limits: RigThresholds, sinceMs: number): Verdict {
  if (!history.samples.some((s) => s.dueMs >= sinceMs))
    return unknownBecause([`the prober at ${history.vantage} sent nothing`]);
  const facts = rigFacts(history, sinceMs);
  const reasons: string[] = [];
  const missing = missingSequence(history);
  if (missing > 0) reasons.push(`${missing} samples of the prober at ${history.vantage} never arrived`);
  if (facts.latenessP99Ms > limits.latenessP99Ms) {
    reasons.push(
      `the prober at ${history.vantage} sent 1 % of its requests over ${facts.latenessP99Ms.toFixed(1)} ms late (limit ${limits.latenessP99Ms} ms)`,
    );
  }
  if (facts.latenessMaxMs > limits.stallMs) {
    reasons.push(
      `the prober at ${history.vantage} stood still for ${facts.latenessMaxMs.toFixed(0)} ms (limit ${limits.stallMs} ms)`,
    );
  }
  if (facts.controlSent === 0) reasons.push(`the prober at ${history.vantage} has no control samples`);
  else if (facts.controlLost / facts.controlSent > limits.controlLossShare) {
    reasons.push(
      `${facts.controlLost} of ${facts.controlSent} control requests at ${history.vantage}, which cross no mesh, were lost`,
    );
  }
  return reasons.length === 0 ? passed : unknownBecause(reasons);
}

function missingSequence(history: History): number {
  const highest = history.samples.reduce((max, s) => Math.max(max, s.seq), -1);
  return highest + 1 - new Set(history.samples.map((s) => s.seq)).size;
}
