import { formatMs } from "#harness/lib/clock.ts";
import type { Observation } from "#harness/model/timing.ts";
import { combine, failedBecause, type Verdict } from "#harness/model/verdict.ts";
import { judgeTimes } from "./timing.ts";

/** All of the load, by the guide on affinity; a twentieth is left for the moments at which an agent changes its maps. */
const leastShare = 0.95;

/** Whether the first local replica that returns has the load to itself, and answers it. */
export function judgeLoad(
  observations: readonly Observation[],
  object: string,
  allowed: { readonly latencyP99Ms: number; readonly lostRequests: number },
): Verdict {
  const reasons: string[] = [];
  for (const o of observations) {
    const say = (why: string): void => void reasons.push(`${o.at}: ${o.what}, ${object} of ${o.of}: ${why}`);
    if (o.value === null) say("no request was answered");
    else if (o.unit === "share" && o.value < leastShare)
      say(`${(o.value * 100).toFixed(1)} %, at least ${leastShare * 100} % are expected with affinity local`);
    else if (o.what.startsWith("latency p99") && o.value > allowed.latencyP99Ms)
      say(`${formatMs(o.value)}, ${formatMs(allowed.latencyP99Ms)} are allowed`);
    else if (o.unit === "requests" && o.value > allowed.lostRequests)
      say(`${o.value} requests, ${allowed.lostRequests} are allowed`);
  }
  return failedBecause(reasons);
}

/** "Nothing lost": one line for each vantage point that lost requests; without a count nothing is shown. */
export function judgeNothingLost(observations: readonly Observation[], object: string): Verdict {
  const counts = observations.filter((o) => o.unit === "requests");
  if (counts.length === 0) return failedBecause([`${object}: no vantage point counted its requests`]);
  return failedBecause(
    counts
      .filter((o) => o.value !== 0)
      .map((o) => `${o.at} -> ${object}: ${o.what}: ${o.value ?? "unknown"}, none is expected`),
  );
}

/** A short `clustermesh.cacheTTL`, in ms, from which none at all must be told apart. */
const shortTtlMs = 30_000;

/**
 * How long a dead cluster is watched, in ms. Without a cacheTTL (0 ms) at least for as long as losses with a short one may
 * last: watched for less, the two look alike.
 */
export const deadWatchMs = (
  cacheTtlMs: number,
  b: { readonly deadClusterMs: number; readonly noticeMs: number; readonly syncMs: number },
): number =>
  cacheTtlMs > 0
    ? b.noticeMs + cacheTtlMs + b.syncMs
    : Math.max(b.deadClusterMs, b.noticeMs + shortTtlMs + b.syncMs);

/** Whether clients are sent to a dead cluster as long as `clustermesh.cacheTTL` says, and never with affinity local. */
export function judgeDead(
  observations: readonly Observation[],
  expected: { readonly expires: boolean; readonly object: string; readonly withinMs: number },
): Verdict {
  const { expires, object, withinMs } = expected;
  const times = observations.filter((o) => o.unit === "ms");
  const [ofLocal, others] = [
    times.filter((o) => o.what.startsWith("affinity local")),
    times.filter((o) => !o.what.startsWith("affinity local")),
  ];
  if (ofLocal.length === 0 || others.length === 0)
    return failedBecause([`${object}: clients of a service with and without affinity local are missing`]);
  const local = failedBecause(
    ofLocal
      .filter((o) => o.value !== 0)
      .map((o) => `${o.at} -> ${object}: ${o.what}: requests were lost, although local backends serve`),
  );
  if (expires) return combine([local, judgeTimes(others, { object, withinMs, count: others.length })]);
  const early = others
    .filter((o) => o.value !== null)
    .map((o) => `${o.at} -> ${object}: ${o.what}: after ${o.value} ms, although nothing expires`);
  return combine([local, failedBecause(early)]);
}
