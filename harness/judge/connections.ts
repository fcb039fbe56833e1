import { hundredths } from "#harness/lib/stats.ts";
import { type History, isKept, type Sample } from "#harness/model/history.ts";
import type { ConnectionFigures } from "#harness/model/measurement.ts";
import { failoverFacts } from "./failover.ts";

const kinds = { reused: "http keep-alive", tcp: "tcp heartbeat", udp: "udp flow" } as const;

/** A pause of this many heartbeats without an answer is a stall: a busy machine causes shorter ones. */
const stallBeats = 10;

/** Identifies the connection of a good answer: the pod, and the prober's count of connections that it opened. */
export const answeredOn = ({ servedBy, detail = "" }: Sample): string => `${servedBy} ${detail}`;

/**
 * What happened to a connection that was open when the fault began. `reset`: it ended, shown by a reported loss or by
 * another connection that answers afterwards; `stalled`: no loss was reported and no answer came for several
 * heartbeats; otherwise it survived.
 */
export function connectionFigures(
  history: History,
  stretch: { readonly sinceMs: number },
): ConnectionFigures {
  const { connection } = history;
  if (!isKept(connection)) throw new TypeError("only kept connections have a fate");
  const facts = failoverFacts(history, stretch);
  const longestGapMs = longestSilence(history, stretch.sinceMs);
  const reported = Object.keys(facts.lossOutcomes).some((kind) => kind !== "timeout");
  let before: string | undefined;
  let reconnected = false;
  for (const s of history.samples) {
    if (s.outcome !== "ok") continue;
    const answered = answeredOn(s);
    if (s.sentMs < stretch.sinceMs) before = answered;
    else if (before !== undefined && answered !== before) reconnected = true;
  }
  return {
    kind: kinds[connection],
    fate:
      reported || reconnected
        ? "reset"
        : longestGapMs > stallBeats * history.everyMs
          ? "stalled"
          : "survived",
    longestGapMs: hundredths(longestGapMs),
    lost: facts.lost,
    lossOutcomes: facts.lossOutcomes,
  };
}

/**
 * The longest time without an answer on a connection, by the ends of its answers: answers that a stall delays are not
 * lost. It may begin before the window and last beyond it.
 */
function longestSilence({ samples }: History, sinceMs: number): number {
  let lastMs: number | undefined;
  let longestMs = 0;
  let endMs = sinceMs;
  let lost = false;
  const ends: number[] = [];
  for (const s of samples) {
    if (s.sentMs < sinceMs) {
      if (s.outcome === "ok") lastMs = Math.max(lastMs ?? 0, s.endMs);
      continue;
    }
    endMs = s.sentMs;
    if (s.outcome === "ok") ends.push(s.endMs);
    else lost = true;
  }
  ends.sort((a, b) => a - b);
  for (const atMs of lost ? [...ends, endMs] : ends) {
    if (lastMs !== undefined) longestMs = Math.max(longestMs, atMs - lastMs);
    lastMs = Math.max(lastMs ?? 0, atMs);
  }
  return longestMs;
}
