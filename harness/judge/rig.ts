import { sortedQuantile } from "#harness/lib/stats.ts";
import type { History } from "#harness/model/history.ts";
import { passed, unknownBecause, type Verdict } from "#harness/model/verdict.ts";

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

/** Whether the rig was undisturbed, so that the history says something about the mesh. */
export function judgeRig(history: History, limits: RigThresholds, sinceMs: number): Verdict {
  const facts = rigFacts(history, sinceMs);
  if (Number.isNaN(facts.latenessMaxMs))
    return unknownBecause([`the prober at ${history.vantage} sent nothing`]);
  const missing = missingSequence(history);
  const reasons = [
    ...(missing > 0 ? [`${missing} samples of the prober at ${history.vantage} never arrived`] : []),
    ...rigTroubles(history.vantage, facts, limits),
  ];
  return reasons.length === 0 ? passed : unknownBecause(reasons);
}

/** Problems of a prober, as sentences; empty if there were none. */
export function rigTroubles(vantage: string, facts: RigFacts, limits: RigThresholds): string[] {
  const reasons: string[] = [];
  if (facts.latenessP99Ms > limits.latenessP99Ms) {
    reasons.push(
      `the prober at ${vantage} sent 1 % of its requests over ${facts.latenessP99Ms.toFixed(1)} ms late (limit ${limits.latenessP99Ms} ms)`,
    );
  }
  if (facts.latenessMaxMs > limits.stallMs) {
    reasons.push(
      `the prober at ${vantage} stood still for ${facts.latenessMaxMs.toFixed(0)} ms (limit ${limits.stallMs} ms)`,
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

function missingSequence(history: History): number {
  let highest = -1;
  for (const s of history.samples) highest = Math.max(highest, s.seq);
  return highest + 1 - history.samples.length;
}
