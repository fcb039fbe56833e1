import { formatMs } from "#harness/lib/clock.ts";
import type { History, Sample } from "#harness/model/history.ts";
import { failedBecause, passed, type Verdict } from "#harness/model/verdict.ts";
import { judgeRig, type RigFacts, type RigThresholds, rigFacts } from "./rig.ts";

/** What a history shows of a disturbance; times on the prober's clock. */
export interface FailoverFacts extends RigFacts {
  readonly sent: number;
  readonly lost: number;
  readonly lossOutcomes: Readonly<Record<string, number>>;
  readonly lastOldMs: number | undefined;
  /** When the last good request before the first loss was sent. */
  readonly lastGoodMs: number | undefined;
  readonly firstErrorMs: number | undefined;
  readonly firstNewMs: number | undefined;
  readonly stableAgainMs: number | undefined;
  /** Whether losses had stopped by the end. */
  readonly recovered: boolean;
  /**
   * From the last good request before the first loss (at most one send interval before the window began) to the first
   * of the stable period; 0 without a loss.
   */
  readonly outageMs: number;
  /** The longest time without a good answer. */
  readonly longestGapMs: number;
  readonly cpuShare: number;
}

/** The window of a history that is judged. */
export interface JudgedInterval {
  readonly stableMs: number;
  /** When the fault (or the healing) began. */
  readonly sinceMs: number;
  /** When the judged window ends; the history's end by default. */
  readonly untilMs?: number;
}

export interface FailoverExpectation extends JudgedInterval {
  /** The clusters that answered before, and those that must answer after. */
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly withinMs: number;
  readonly rig: RigThresholds;
}

/** In one pass, because a history may hold millions of samples. */
export function failoverFacts(
  history: History,
  stretch: JudgedInterval & { readonly from?: readonly string[]; readonly to?: readonly string[] },
): FailoverFacts {
  const untilMs = stretch.untilMs ?? Number.POSITIVE_INFINITY;
  const lossOutcomes: Record<string, number> = {};
  const goodEnds: number[] = [];
  let sent = 0;
  let lost = 0;
  let endMs = 0;
  let lastOldMs: number | undefined;
  let lastGood: Sample | undefined;
  let beforeLoss: Sample | undefined;
  let firstLost: Sample | undefined;
  let firstNewMs: number | undefined;
  let goodBeforeMs: number | undefined;
  let stableStartMs: number | undefined;
  let stableAgainMs: number | undefined;
  for (const s of history.samples) {
    if (s.sentMs > untilMs) continue;
    sent += 1;
    endMs = s.sentMs;
    const after = s.sentMs >= stretch.sinceMs;
    if (s.outcome === "ok") {
      if (!after) goodBeforeMs = Math.max(goodBeforeMs ?? 0, s.endMs);
      if (isOf(s, stretch.from)) lastOldMs = Math.max(lastOldMs ?? 0, s.endMs);
      if (after) {
        goodEnds.push(s.endMs);
        if (isOf(s, stretch.to)) firstNewMs ??= s.endMs;
      }
      lastGood = s;
    } else if (after) {
      lost += 1;
      lossOutcomes[s.outcome] = (lossOutcomes[s.outcome] ?? 0) + 1;
      if (firstLost === undefined) {
        firstLost = s;
        beforeLoss = lastGood;
      }
    }
    if (firstLost === undefined || stableAgainMs !== undefined) continue;
    if (s.outcome !== "ok") stableStartMs = undefined;
    else {
      stableStartMs ??= s.sentMs;
      if (s.sentMs - stableStartMs >= stretch.stableMs) stableAgainMs = stableStartMs;
    }
  }
  const fromMs = Math.max(beforeLoss?.sentMs ?? 0, stretch.sinceMs - history.everyMs);
  return {
    ...rigFacts(history, stretch.sinceMs),
    sent,
    lost,
    lossOutcomes,
    lastOldMs,
    lastGoodMs: beforeLoss?.sentMs,
    firstErrorMs: firstLost?.sentMs,
    firstNewMs,
    stableAgainMs,
    recovered: firstLost === undefined || stableAgainMs !== undefined,
    outageMs: firstLost === undefined ? 0 : (stableAgainMs ?? endMs) - fromMs,
    // From the last answer before the window to its end: a gap may begin before it and never close.
    longestGapMs: longestGap(goodBeforeMs, goodEnds, lost > 0 ? endMs : undefined),
    cpuShare: history.cpuShare,
  };
}

const isOf = (s: Sample, clusters: readonly string[] | undefined): boolean =>
  s.cluster !== undefined && clusters?.includes(s.cluster) === true;

function longestGap(beforeMs: number | undefined, ends: number[], untilMs: number | undefined): number {
  if (beforeMs !== undefined) ends.push(beforeMs);
  if (untilMs !== undefined) ends.push(untilMs);
  ends.sort((a, b) => a - b);
  let longestMs = 0;
  let lastMs = Number.POSITIVE_INFINITY;
  for (const endMs of ends) {
    longestMs = Math.max(longestMs, endMs - lastMs);
    lastMs = endMs;
  }
  return longestMs;
}

/** The verdict on one move of traffic. The rig is judged first: if it was disturbed, there is no verdict on Cilium. */
export function judgeFailover(history: History, expectation: FailoverExpectation): Verdict {
  const rig = judgeRig(history, expectation.rig, expectation.sinceMs);
  if (rig.outcome !== "pass") return rig;
  const facts = failoverFacts(history, expectation);
  const [from, to] = [expectation.from.join(" and "), expectation.to.join(" and ")];
  const move = `${history.vantage} -> ${history.target}, ${from} to ${to}`;
  const reasons: string[] = [];
  if (facts.lastOldMs === undefined)
    reasons.push(`${move}: ${from} never answered, so no traffic could move away from it`);
  if (facts.firstNewMs === undefined) reasons.push(`${move}: ${to} never answered`);
  const stragglers = stragglersOf(history, expectation);
  if (stragglers > 0)
    reasons.push(
      `${move}: ${from} still answered ${stragglers} requests in the last ${formatMs(expectation.stableMs)}`,
    );
  reasons.push(...lossReasons(move, facts, expectation.withinMs));
  return reasons.length === 0 ? passed : failedBecause(reasons);
}

/** The verdict if traffic need not move: how long requests were lost. */
export function judgeOutage(
  history: History,
  expectation: JudgedInterval & { readonly withinMs: number; readonly rig: RigThresholds },
): Verdict {
  const rig = judgeRig(history, expectation.rig, expectation.sinceMs);
  if (rig.outcome !== "pass") return rig;
  const facts = failoverFacts(history, expectation);
  return failedBecause(lossReasons(`${history.vantage} -> ${history.target}`, facts, expectation.withinMs));
}

function lossReasons(what: string, facts: FailoverFacts, withinMs: number): string[] {
  const reasons: string[] = [];
  if (!facts.recovered)
    reasons.push(
      `${what}: requests were still being lost at the end (${facts.lost} lost: ${describeLosses(facts.lossOutcomes)})`,
    );
  if (facts.outageMs > withinMs) {
    reasons.push(
      `${what}: outage of ${facts.outageMs.toFixed(0)} ms is over the budget of ${withinMs} ms (${facts.lost} requests lost: ${describeLosses(facts.lossOutcomes)})`,
    );
  }
  return reasons;
}

/** Good answers of the old side in the last `stableMs` of the window. */
function stragglersOf(history: History, expectation: FailoverExpectation): number {
  const untilMs = expectation.untilMs ?? Number.POSITIVE_INFINITY;
  let tailMs = 0;
  for (const s of history.samples) if (s.sentMs <= untilMs) tailMs = s.sentMs;
  let count = 0;
  for (const s of history.samples) {
    if (s.sentMs > untilMs || s.sentMs <= tailMs - expectation.stableMs) continue;
    if (s.outcome === "ok" && isOf(s, expectation.from)) count += 1;
  }
  return count;
}

export function describeLosses(losses: Readonly<Record<string, number>>): string {
  const parts = Object.entries(losses).map(([outcome, count]) => `${count} ${outcome}`);
  return parts.length === 0 ? "none" : parts.join(", ");
}
