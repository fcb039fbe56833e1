import { disturbances, unsampled } from "#harness/judge/host.ts";
import type { RigThresholds } from "#harness/judge/rig.ts";
import { formatMs, monotonicMs, unixNowMs } from "#harness/lib/clock.ts";
import type { PhaseRecord } from "#harness/model/certificate.ts";
import type { HostWatch } from "#harness/platform/watch.ts";
import type { Standing } from "./standing.ts";

/** An interval of Unix milliseconds. */
export interface Interval {
  readonly since: number;
  readonly until: number;
  /** Captures are judged from here: an earlier part of the cycle may not have been. */
  readonly watchedSince: number;
  readonly startedAtUnixMs: number;
}

/** Longest time from sending a request to its result in the harness; also the longest delay of a captured packet. */
export const inFlightMs = 2500;

export type Observed = Pick<
  PhaseRecord,
  "startMs" | "durationMs" | "measuredMs" | "disruptions" | "deniedSent" | "leaks" | "events" | "rig"
> & { readonly unseen: readonly string[] };

/** What was seen in an interval. Call it `inFlightMs` after its end. */
export async function observed(
  { traffic, leaks, events }: Standing,
  host: { readonly watch: HostWatch; readonly rig: RigThresholds & Parameters<typeof disturbances>[1] },
  { since, until, watchedSince, startedAtUnixMs, signal }: Interval & { readonly signal: AbortSignal },
): Promise<Observed> {
  const incomplete = await leaks.endWindow(signal);
  const toMonotonicMs = monotonicMs() - unixNowMs();
  const [sinceMs, untilMs] = [since + toMonotonicMs, until + toMonotonicMs];
  const { samples } = host.watch;
  return {
    startMs: Math.round(since - startedAtUnixMs),
    durationMs: Math.round(until - since),
    measuredMs: Math.round(traffic.measuredMs(since, until)),
    disruptions: traffic.disruptions(since, until, events.leadingTo(since, until)),
    deniedSent: traffic.deniedSent(since, until),
    leaks: leaks.leaks(watchedSince, until, events.leadingTo(watchedSince, until)),
    events: events.between(since, until),
    rig: [
      ...traffic.rigTroubles(since, until),
      ...disturbances(samples, host.rig, sinceMs, untilMs),
      ...unsampled(samples, host.rig, sinceMs, untilMs),
    ],
    unseen: [...incomplete, ...traffic.deniedSilent(since, until).map((path) => `nothing was sent: ${path}`)],
  };
}

/** One line for the progress of a cycle. */
export function describePhase(p: PhaseRecord): string {
  const lost = p.disruptions.reduce((sum, d) => sum + d.lost, 0);
  const gap = Math.max(0, ...p.disruptions.map((d) => (d.lost > 0 ? d.longestGapMs : 0)));
  const failed = p.suites.reduce((n, s) => n + s.failures.length, 0);
  return [
    `${p.name}: ${formatMs(p.durationMs)}, of which ${formatMs(p.measuredMs)} measured at the full rate`,
    `${lost} requests lost, longest gap ${gap} ms, ${p.leaks.length} leaks`,
    ...(p.suites.length === 0 ? [] : [`${failed} tests failed`]),
  ].join(", ");
}
