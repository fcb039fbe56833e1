import { hundredths } from "#harness/lib/stats.ts";
import { type History, isKept, type Sample } from "#harness/model/history.ts";
import type { ConnectionFigures } from "#harness/model/measurement.ts";
import { failoverFacts } from "./failover.ts";

const kinds = { reused: "http keep-alive", tcp: "tcp heartbeat", udp: "udp flow" } as const;

/** A pause of this many heartbeats without an answer is a stall: shorter ones come of a busy machine. */
const stallBeats = 10;

/** The connection that a good answer came on: a pod answers on each, and the prober counts those that it had to open. */
export const answeredOn = ({ servedBy, detail = "" }: Sample): string => `${servedBy} ${detail}`;

/**
 * What became of a connection that was open when the fault struck. `reset`: it ended, by a loss that was told or by
 * another connection that answers afterwards; `stalled`: nothing was told and no answer came for several heartbeats;
 * else it survived.
 */
export function connectionFigures(
  history: History,
  stretch: { readonly sinceMs: number; readonly stableMs: number },
): ConnectionFigures {
  const { connection } = history;
  if (!isKept(connection)) throw new TypeError("what is not kept open has no fate");
  const facts = failoverFacts(history, stretch);
  const reported = Object.keys(facts.lossOutcomes).some((kind) => kind !== "timeout");
  let before: string | undefined;
  let anew = false;
  for (const s of history.samples) {
    if (s.outcome !== "ok") continue;
    const answered = answeredOn(s);
    if (s.sentMs < stretch.sinceMs) before = answered;
    else if (before !== undefined && answered !== before) anew = true;
  }
  return {
    kind: kinds[connection],
    fate:
      reported || anew ? "reset" : facts.longestGapMs > stallBeats * history.everyMs ? "stalled" : "survived",
    longestGapMs: hundredths(facts.longestGapMs),
    lost: facts.lost,
    lossOutcomes: facts.lossOutcomes,
  };
}
