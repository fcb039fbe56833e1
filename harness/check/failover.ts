import { formatMs } from "#harness/core/clock.ts";
import type { History, Sample } from "#harness/core/history.ts";
import { failedBecause, passed, type Verdict } from "#harness/core/verdict.ts";
import { judgeRig, type RigFacts, type RigThresholds, rigFacts } from "./rig.ts";

/** What a history tells of a failover; times on the prober's clock. */
export interface FailoverFacts extends RigFacts {
  readonly sent: number;
  readonly lost: number;
  readonly lossOutcomes: Readonly<Record<string, number>>;
  readonly lastOldMs: number | undefined;
  readonly firstErrorMs: number | undefined;
  readonly firstNewMs: number | undefined;
  readonly stableAgainMs: number | undefined;
  /** From the last good request before the first loss to the first of the stable stretch; 0 without a loss. */
  readonly outageMs: number;
  /** The longest time between two good answers. */
  readonly longestGapMs: number;
  readonly cpuShare: number;
}

export interface FailoverExpectation {
  /** The cluster that answered before, and the one that must answer after. */
  readonly from: string;
  readonly to: string;
  readonly withinMs: number;
  readonly stableMs: number;
  /** When the fault (or the healing) began. */
  readonly sinceMs: number;
  /** When the judged stretch ends; the history's end by default. */
  readonly untilMs?: number;
  readonly rig: RigThresholds;
}

function inOrder(samples: readonly Sample[]): Sample[] {
  return [...samples].sort((a, b) => a.sentMs - b.sentMs);
}

export function failoverFacts(history: History, expectation: FailoverExpectation): FailoverFacts {
  const untilMs = expectation.untilMs ?? Number.POSITIVE_INFINITY;
  const all = inOrder(history.samples).filter((s) => s.sentMs <= untilMs);
  const after = all.filter((s) => s.sentMs >= expectation.sinceMs);
  const good = (s: Sample): boolean => s.outcome === "ok";
  const lostSamples = after.filter((s) => !good(s));
  const firstLost = lostSamples[0];
  const goodEnds = after
    .filter(good)
    .map((s) => s.endMs)
    .sort((a, b) => a - b);
  let longestGapMs = 0;
  for (const [i, end] of goodEnds.entries())
    if (i > 0) longestGapMs = Math.max(longestGapMs, end - goodEnds[i - 1]!);
  const stable = stableFrom(all, firstLost, expectation.stableMs);
  const lastGood =
    firstLost === undefined ? undefined : all.filter((s) => good(s) && s.sentMs < firstLost.sentMs).at(-1);
  const endMs = all.at(-1)?.sentMs ?? 0;
  const outageMs = firstLost === undefined ? 0 : (stable ?? endMs) - (lastGood?.sentMs ?? firstLost.sentMs);
  const lossOutcomes: Record<string, number> = {};
  for (const s of lostSamples) lossOutcomes[s.outcome] = (lossOutcomes[s.outcome] ?? 0) + 1;
  return {
    ...rigFacts(history, expectation.sinceMs),
    sent: all.length,
    lost: lostSamples.length,
    lossOutcomes,
    lastOldMs: all
      .filter((s) => good(s) && s.cluster === expectation.from)
      .reduce<number | undefined>((max, s) => Math.max(max ?? 0, s.endMs), undefined),
    firstErrorMs: firstLost?.sentMs,
    firstNewMs: after.find((s) => good(s) && s.cluster === expectation.to)?.endMs,
    stableAgainMs: firstLost === undefined ? undefined : stable,
    outageMs,
    longestGapMs,
    cpuShare: history.cpuShare,
  };
}

/** The first good request after the first loss that starts a stretch of `stableMs` without a loss. */
function stableFrom(
  all: readonly Sample[],
  firstLost: Sample | undefined,
  stableMs: number,
): number | undefined {
  if (firstLost === undefined) return undefined;
  let start: number | undefined;
  for (const s of all) {
    if (s.sentMs < firstLost.sentMs) continue;
    if (s.outcome !== "ok") start = undefined;
    else {
      start ??= s.sentMs;
      if (s.sentMs - start >= stableMs) return start;
    }
  }
  return undefined;
}

/** The verdict on one move of traffic. The rig is judged first: where it spoiled the run, nothing is said of Cilium. */
export function judgeFailover(history: History, expectation: FailoverExpectation): Verdict {
  const rig = judgeRig(history, expectation.rig, expectation.sinceMs);
  if (rig.outcome !== "pass") return rig;
  const facts = failoverFacts(history, expectation);
  const move = `${history.vantage} -> ${history.target}, ${expectation.from} to ${expectation.to}`;
  const reasons: string[] = [];
  if (facts.lastOldMs === undefined)
    reasons.push(`${move}: ${expectation.from} never answered, so there was nothing to move from`);
  if (facts.firstNewMs === undefined) reasons.push(`${move}: ${expectation.to} never answered`);
  const untilMs = expectation.untilMs ?? Number.POSITIVE_INFINITY;
  const tail =
    inOrder(history.samples)
      .filter((s) => s.sentMs <= untilMs)
      .at(-1)?.sentMs ?? 0;
  const stragglers = history.samples.filter(
    (s) =>
      s.outcome === "ok" &&
      s.cluster === expectation.from &&
      s.sentMs <= untilMs &&
      s.sentMs > tail - expectation.stableMs,
  );
  if (stragglers.length > 0)
    reasons.push(
      `${move}: ${expectation.from} still answered ${stragglers.length} requests in the last ${formatMs(expectation.stableMs)}`,
    );
  if (facts.firstErrorMs !== undefined && facts.stableAgainMs === undefined) {
    reasons.push(
      `${move}: requests were still being lost at the end (${facts.lost} lost: ${describeLosses(facts.lossOutcomes)})`,
    );
  }
  if (facts.outageMs > expectation.withinMs) {
    reasons.push(
      `${move}: outage of ${facts.outageMs.toFixed(0)} ms is over the budget of ${expectation.withinMs} ms (${facts.lost} requests lost: ${describeLosses(facts.lossOutcomes)})`,
    );
  }
  return reasons.length === 0 ? passed : failedBecause(reasons);
}

function describeLosses(losses: Readonly<Record<string, number>>): string {
  const parts = Object.entries(losses).map(([outcome, count]) => `${count} ${outcome}`);
  return parts.length === 0 ? "none" : parts.join(", ");
}
