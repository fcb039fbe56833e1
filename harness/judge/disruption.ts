import type { Disruption, MeshEvent } from "#harness/model/certificate.ts";
import { type Connection, isKept, type Sample, type SampleOutcome } from "#harness/model/history.ts";
import { answeredOn } from "./connections.ts";

/** What one standing stream saw, on the harness's clock in Unix milliseconds. */
export interface StandingStream {
  readonly path: string;
  readonly connection: Connection;
  readonly startedAtUnixMs: number;
  /** Spacing of its requests. */
  readonly everyMs: number;
  readonly samples: Iterable<Sample>;
}

const kindOf = {
  new: "new connection",
  reused: "http keep-alive",
  tcp: "tcp heartbeat",
  udp: "udp flow",
  dns: "dns",
} as const satisfies Record<Connection, Disruption["kind"]>;

/** An event this long before an outage may be its cause: an agent's pod is gone that long before its successor serves. */
const causeMs = 20_000;
const mostOutages = 5;

/** What a stretch of time did to a stream; the stretch in Unix milliseconds, events since its begin. */
export function disruptionOf(
  stream: StandingStream,
  sinceUnixMs: number,
  untilUnixMs: number,
  events: readonly MeshEvent[],
): Disruption {
  const since = sinceUnixMs - stream.startedAtUnixMs;
  const until = untilUnixMs - stream.startedAtUnixMs;
  const inside = [...stream.samples].filter((s) => s.sentMs >= since && s.sentMs < until);
  let lost = 0;
  let resets = 0;
  let longestGapMs = 0;
  let lastGoodMs = since;
  let lostSinceGood = 0;
  const outages: { afterMs: number; gapMs: number; lost: number }[] = [];
  // Which connection answered last, and whether its end was told already.
  let connection: string | undefined;
  let endReported = false;
  const close = (atMs: number): void => {
    const gapMs = atMs - lastGoodMs;
    longestGapMs = Math.max(longestGapMs, gapMs);
    if (lostSinceGood > 0) outages.push({ afterMs: lastGoodMs - since, gapMs, lost: lostSinceGood });
    lostSinceGood = 0;
  };
  for (const s of inside) {
    if (s.outcome === "ok") {
      close(s.sentMs);
      lastGoodMs = s.sentMs;
      // One that ended while nothing was on its way shows only in who answers next.
      const now = answeredOn(s);
      if (isKept(stream.connection) && connection !== undefined && now !== connection && !endReported)
        resets += 1;
      connection = now;
      endReported = false;
      continue;
    }
    lost += 1;
    lostSinceGood += 1;
    // A kept connection that ended takes every request with it that was on its way: they are one end.
    if (tellsEnd(stream.connection, s.outcome) && !endReported) {
      resets += 1;
      endReported = true;
    }
  }
  close(until);
  return {
    path: stream.path,
    kind: kindOf[stream.connection],
    sent: inside.length,
    lost,
    lostMs: lost * stream.everyMs,
    longestGapMs: Math.round(longestGapMs),
    resets,
    outages: outages
      .sort((a, b) => b.gapMs - a.gapMs)
      .slice(0, mostOutages)
      .map((o) => ({
        afterMs: Math.round(o.afterMs),
        gapMs: Math.round(o.gapMs),
        lost: o.lost,
        cause: causeOf(o, events),
      })),
  };
}

/** A kept TCP connection that is silent is not given up: whatever else befalls it is its end, or the next one's. */
function tellsEnd(connection: Connection, outcome: SampleOutcome): boolean {
  return connection === "tcp" ? outcome !== "timeout" : isKept(connection) && outcome === "reset";
}

/** The last thing that happened before the outage ended, if it was near. */
function causeOf(outage: { afterMs: number; gapMs: number }, events: readonly MeshEvent[]): string {
  const near = events.filter(
    (e) => e.afterMs <= outage.afterMs + outage.gapMs && e.afterMs >= outage.afterMs - causeMs,
  );
  return near.at(-1)?.what ?? "";
}
