import { hundredths } from "#harness/lib/stats.ts";
import { isLoss, type LossRun, type Window } from "#harness/model/loss-record.ts";
import { type Answers, burstQuietMs, type Disturbance, recoveryMs } from "#harness/model/measurement.ts";

/** An interval between two consecutive good answers that contains a loss; times on the prober's clock. */
export interface Gap {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What was lost in a window; times on the prober's clock. */
export interface LossFacts extends Answers {
  readonly lossOutcomes: Readonly<Record<string, number>>;
  readonly windowMs: number;
  readonly recovered: boolean;
  /** The last gap does not end in the window. */
  readonly censored: boolean;
  /** When the last good request before the first loss was sent. */
  readonly lastGoodMs: number | undefined;
  readonly firstLossMs: number | undefined;
  readonly lastLossMs: number | undefined;
  /** When the first good request after the last loss was sent. */
  readonly stableAgainMs: number | undefined;
  readonly bursts: number;
  readonly gaps: readonly Gap[];
  readonly lostTimeMs: number;
  readonly longestGapMs: number;
  readonly outageMs: number;
}

/** A vantage point's part that losses depend on. */
export interface LossContext {
  readonly everyMs: number;
  /** The window before, which holds the last good answer. */
  readonly before?: Window;
}

/**
 * The losses of a window to its very end. A gap counts from the last good request, at most one interval before the
 * window began, and to the end of the window if it does not close in it.
 */
export function lossFacts(window: Window, { everyMs, before }: LossContext): LossFacts {
  const lossOutcomes: Record<string, number> = {};
  const gaps: Gap[] = [];
  const losses: LossRun[] = [];
  let sent = 0;
  let slow = 0;
  let bursts = 0;
  let goodMs = before?.runs.findLast((r) => !isLoss(r))?.lastMs;
  let lastGoodMs: number | undefined;
  let openMs: number | undefined;
  for (const run of window.runs) {
    sent += run.count;
    if (run.kind === "slow") slow += run.count;
    if (isLoss(run)) {
      lossOutcomes[run.kind] = (lossOutcomes[run.kind] ?? 0) + run.count;
      const last = losses.at(-1);
      if (last === undefined) lastGoodMs = goodMs;
      if (last === undefined || run.firstMs - last.lastMs > burstQuietMs) bursts += 1;
      openMs ??= Math.max(goodMs ?? Number.NEGATIVE_INFINITY, window.sinceMs - everyMs);
      losses.push(run);
      continue;
    }
    if (openMs !== undefined) gaps.push({ fromMs: openMs, toMs: run.firstMs });
    openMs = undefined;
    goodMs = run.lastMs;
  }
  const censored = openMs !== undefined;
  if (openMs !== undefined) gaps.push({ fromMs: openMs, toMs: window.untilMs });
  const lastLossMs = losses.at(-1)?.lastMs;
  const windowMs = window.untilMs - window.sinceMs;
  return {
    sent,
    lost: losses.reduce((sum, r) => sum + r.count, 0),
    slow,
    latency: window.latency,
    lossOutcomes,
    windowMs,
    recovered:
      windowMs >= recoveryMs && (lastLossMs ?? Number.NEGATIVE_INFINITY) <= window.untilMs - recoveryMs,
    censored,
    lastGoodMs,
    firstLossMs: losses[0]?.firstMs,
    lastLossMs,
    stableAgainMs: censored ? undefined : gaps.at(-1)?.toMs,
    bursts,
    gaps,
    lostTimeMs: gaps.reduce((sum, g) => sum + length(g), 0),
    longestGapMs: gaps.reduce((longest, g) => Math.max(longest, length(g)), 0),
    outageMs: (gaps.at(-1)?.toMs ?? 0) - (gaps[0]?.fromMs ?? 0),
  };
}

const length = ({ fromMs, toMs }: Gap): number => toMs - fromMs;

export const answersOf = ({ sent, lost, slow, latency }: Answers): Answers => ({ sent, lost, slow, latency });

/** The figures of a window; its times count from the window's beginning. */
export function disturbanceOf(window: Window, facts: LossFacts): Disturbance {
  const after = (atMs: number | undefined): number | null =>
    atMs === undefined ? null : hundredths(atMs - window.sinceMs);
  return {
    ...answersOf(facts),
    windowMs: hundredths(facts.windowMs),
    recovered: facts.recovered,
    censored: facts.censored,
    firstLossMs: after(facts.firstLossMs),
    lastLossMs: after(facts.lastLossMs),
    bursts: facts.bursts,
    lostTimeMs: hundredths(facts.lostTimeMs),
    longestGapMs: hundredths(facts.longestGapMs),
    outageMs: hundredths(facts.outageMs),
    lossOutcomes: facts.lossOutcomes,
  };
}

export function describeLosses(losses: Readonly<Record<string, number>>): string {
  const parts = Object.entries(losses).map(([outcome, count]) => `${count} ${outcome}`);
  return parts.length === 0 ? "none" : parts.join(", ");
}
