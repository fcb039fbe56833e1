import { formatMs } from "#harness/lib/clock.ts";
import { hundredths, quantile } from "#harness/lib/stats.ts";
import type { History, Sample } from "#harness/model/history.ts";
import type { Observation, ProberQuality } from "#harness/model/timing.ts";
import { failedBecause, unknownBecause, type Verdict } from "#harness/model/verdict.ts";
import { type RigThresholds, rigFacts, rigTroubles } from "./rig.ts";

/** A part of a history, on the harness's clock. */
export interface UnixWindow {
  readonly sinceUnixMs: number;
  readonly untilUnixMs: number;
}

type Timed = Pick<History, "samples" | "startedAtUnixMs" | "everyMs" | "clockErrorMs">;

/** A prober reports what ended every 50 ms; a busy machine delays that. */
const reportedWithinMs = 500;

const answeredBy = (s: Sample, pods: ReadonlySet<string>): boolean =>
  s.outcome === "ok" && s.servedBy !== undefined && pods.has(s.servedBy);

/**
 * Milliseconds from the beginning of a window until the first answer of one of these pods was complete; undefined
 * without one. A request that was sent before the window began counts if its answer came in it.
 */
export function firstAnswer(
  history: Timed,
  pods: ReadonlySet<string>,
  window: UnixWindow,
): number | undefined {
  const zeroMs = history.startedAtUnixMs;
  let firstMs: number | undefined;
  for (const s of history.samples) {
    const endMs = zeroMs + s.endMs;
    if (endMs < window.sinceUnixMs || zeroMs + s.sentMs > window.untilUnixMs) continue;
    if (answeredBy(s, pods)) firstMs = Math.min(firstMs ?? Number.POSITIVE_INFINITY, endMs);
  }
  return firstMs === undefined ? undefined : hundredths(firstMs - window.sinceUnixMs);
}

/**
 * Milliseconds from the beginning of a window until the last request was sent that one of these pods answered.
 * Negative if that was before; undefined if they never answered, or still did in the last `quietMs` of the window.
 */
export function lastAnswer(
  history: Timed,
  pods: ReadonlySet<string>,
  window: UnixWindow,
  quietMs: number,
): number | undefined {
  const zeroMs = history.startedAtUnixMs;
  let lastMs: number | undefined;
  for (const s of history.samples) {
    const sentMs = zeroMs + s.sentMs;
    if (sentMs > window.untilUnixMs || !answeredBy(s, pods)) continue;
    lastMs = Math.max(lastMs ?? Number.NEGATIVE_INFINITY, sentMs);
  }
  if (lastMs === undefined || lastMs > window.untilUnixMs - quietMs) return undefined;
  return hundredths(lastMs - window.sinceUnixMs);
}

/**
 * Whether these pods answered every request of the last `quietMs` milliseconds, and requests were sent for that long at
 * least: a stream that has just begun has lost nothing yet.
 */
export function servedFor(samples: Iterable<Sample>, pods: ReadonlySet<string>, quietMs: number): boolean {
  let firstMs = Number.POSITIVE_INFINITY;
  let lastMs = Number.NEGATIVE_INFINITY;
  let lastOtherMs = Number.NEGATIVE_INFINITY;
  for (const s of samples) {
    firstMs = Math.min(firstMs, s.sentMs);
    lastMs = Math.max(lastMs, s.sentMs);
    if (!answeredBy(s, pods)) lastOtherMs = Math.max(lastOtherMs, s.sentMs);
  }
  return lastMs - firstMs >= quietMs && lastOtherMs <= lastMs - quietMs;
}

export interface Answered {
  readonly sent: number;
  readonly lost: number;
  readonly byPod: Readonly<Record<string, number>>;
  /** Of good answers, from the time at which the request was due. */
  readonly latencyP50Ms: number | undefined;
  readonly latencyP99Ms: number | undefined;
  readonly latencyMaxMs: number | undefined;
  /** From the beginning of the window; undefined without a loss. */
  readonly lastLossMs: number | undefined;
  readonly firstLossMs: number | undefined;
}

/** The requests that were sent in a window. */
export function answersIn(history: Timed, window: UnixWindow): Answered {
  const zeroMs = history.startedAtUnixMs;
  const latencies: number[] = [];
  const byPod: Record<string, number> = {};
  const losses: number[] = [];
  let sent = 0;
  for (const s of history.samples) {
    const sentMs = zeroMs + s.sentMs;
    if (sentMs < window.sinceUnixMs || sentMs > window.untilUnixMs) continue;
    sent += 1;
    if (s.outcome === "ok") {
      latencies.push(s.endMs - s.dueMs);
      const pod = s.servedBy ?? "";
      byPod[pod] = (byPod[pod] ?? 0) + 1;
    } else losses.push(sentMs - window.sinceUnixMs);
  }
  const latency = (q: number): number | undefined =>
    latencies.length === 0 ? undefined : hundredths(quantile(latencies, q));
  const [first] = losses;
  const last = losses.at(-1);
  return {
    sent,
    lost: losses.length,
    byPod,
    latencyP50Ms: latency(0.5),
    latencyP99Ms: latency(0.99),
    latencyMaxMs: latency(1),
    firstLossMs: first === undefined ? undefined : hundredths(first),
    lastLossMs: last === undefined ? undefined : hundredths(last),
  };
}

/** The error bound of a time that a history shows. */
export const errorOf = ({ everyMs, clockErrorMs }: Timed): number => hundredths(everyMs + clockErrorMs);

export function qualityOf(history: History, sinceUnixMs: number): ProberQuality {
  const { latenessP99Ms, latenessMaxMs } = rigFacts(history, sinceUnixMs - history.startedAtUnixMs);
  return {
    at: history.vantage,
    latenessP99Ms: hundredths(latenessP99Ms),
    latenessMaxMs: hundredths(latenessMaxMs),
    clockErrorMs: history.clockErrorMs,
  };
}

/** Whether the probers were undisturbed; without a history nothing is known. */
export function judgeProbers(
  histories: readonly History[],
  limits: RigThresholds,
  sinceUnixMs: number,
): Verdict {
  if (histories.length === 0) return unknownBecause(["no prober ran"]);
  const troubles = histories.flatMap((h) => {
    const facts = rigFacts(h, sinceUnixMs - h.startedAtUnixMs);
    if (Number.isNaN(facts.latenessMaxMs)) return [`the prober at ${h.vantage} sent nothing`];
    const missing = missingOf(h);
    return [
      ...(missing > 0 ? [`${missing} samples of the prober at ${h.vantage} never arrived`] : []),
      ...rigTroubles(h.vantage, facts, limits),
    ];
  });
  return troubles.length === 0 ? failedBecause([]) : unknownBecause([...new Set(troubles)]);
}

/** How many numbers are missing, of requests so old that they must have ended when the history did. */
function missingOf({ samples, timeoutMs }: History): number {
  let lastMs = 0;
  for (const s of samples) lastMs = Math.max(lastMs, s.sentMs);
  let count = 0;
  let highest = -1;
  for (const s of samples) {
    if (s.sentMs > lastMs - timeoutMs - reportedWithinMs) continue;
    count += 1;
    highest = Math.max(highest, s.seq);
  }
  return highest + 1 - count;
}

export interface ExpectedTimes {
  /** The object that changed, for messages: `policy of pod echo-east-x (10.1.0.4) on node east-worker`. */
  readonly object: string;
  readonly withinMs: number;
  /** How many observations there must be; fewer are a failure. */
  readonly count: number;
  /** Vantage points whose requests did not all go as expected at the end: nothing more was timed then. */
  readonly unsettled?: readonly string[];
}

/** Every observation exists and lies within the limit. */
export function judgeTimes(
  observations: readonly Observation[],
  { object, withinMs, count, unsettled = [] }: ExpectedTimes,
): Verdict {
  const reasons = unsettled.map((at) => `${at}: ${object}: requests did not all go as expected`);
  for (const o of observations) {
    const what = `${o.at}: ${o.what}, round ${o.round}, ${object} of ${o.of}`;
    if (o.value === null) reasons.push(`${what}: not seen within ${formatMs(o.watchedMs)}`);
    else if (o.value > withinMs)
      reasons.push(`${what}: after ${formatMs(o.value)}, ${formatMs(withinMs)} are allowed`);
  }
  if (observations.length < count || count === 0)
    reasons.push(
      `${object}: ${observations.length} of ${count} times were observed, at ${[...new Set(observations.map((o) => o.at))].join(", ") || "no vantage point"}`,
    );
  return failedBecause(reasons);
}
