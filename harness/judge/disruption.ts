import type { Disruption, MeshEvent } from "#harness/model/certificate.ts";
import { type Connection, isKept, type Sample, type SampleOutcome } from "#harness/model/history.ts";
import { answeredOn } from "./connections.ts";

/** What one continuous stream recorded, on the harness's clock in Unix milliseconds. */
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

/**
 * An event up to this long before an outage may be its cause: an agent's pod may be gone that long before its
 * successor serves.
 */
const causeMs = 20_000;
const mostOutages = 5;

/** Losses of a stream in an interval of Unix milliseconds; events are relative to its beginning. */
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
  // The connection that answered last, and whether its end was counted already.
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
      // If a connection ended with nothing in flight, only the next answer shows it.
      const now = answeredOn(s);
      if (isKept(stream.connection) && connection !== undefined && now !== connection && !endReported)
        resets += 1;
      connection = now;
      endReported = false;
      continue;
    }
    lost += 1;
    lostSinceGood += 1;
    // All requests in flight on a kept connection that ended count as one end.
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

/** A kept TCP connection survives timeouts; any other loss is its end, or that of the next connection. */
function tellsEnd(connection: Connection, outcome: SampleOutcome): boolean {
  return connection === "tcp" ? outcome !== "timeout" : isKept(connection) && outcome === "reset";
}

/** The last event before the end of the outage, if it was close enough. */
function causeOf(outage: { afterMs: number; gapMs: number }, events: readonly MeshEvent[]): string {
  const near = events.filter(
    (e) => e.afterMs <= outage.afterMs + outage.gapMs && e.afterMs >= outage.afterMs - causeMs,
  );
  return near.at(-1)?.what ?? "";
}
