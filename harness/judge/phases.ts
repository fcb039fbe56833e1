import { hundredths } from "#harness/lib/stats.ts";
import type { ChainRecord } from "#harness/model/chain.ts";
import type { Boundary, Phases } from "#harness/model/measurement.ts";
import type { FailoverFacts } from "./failover.ts";

/**
 * Splits the outage seen in traffic at the boundaries of the chain of causes. A boundary is the first time after the
 * fault that a link had no active backend of the target cluster left. A piece counts as explained only if both its ends
 * were seen.
 */
export function phasesOf(
  chain: ChainRecord,
  facts: FailoverFacts,
  clock: {
    readonly faultUnixMs: number;
    /** Later changes belong to the healing. */
    readonly healingUnixMs: number;
    readonly proberZeroUnixMs: number;
    readonly proberErrorMs: number;
  },
): Phases {
  const after = (proberMs: number | undefined): number | null =>
    proberMs === undefined ? null : hundredths(proberMs + clock.proberZeroUnixMs - clock.faultUnixMs);
  const firstErrorAfterMs = after(facts.firstErrorMs);
  const stableAfterMs = firstErrorAfterMs === null ? null : after(facts.stableAgainMs);
  const seen: Phases["seen"] = [
    { boundary: "fault begun", afterMs: 0, errorMs: 0 },
    ...chain.path.map(({ boundary, errorMs }) => {
      const first = chain.events.find(
        (e) =>
          e.boundary === boundary &&
          e.active === 0 &&
          e.atUnixMs >= clock.faultUnixMs - errorMs &&
          e.atUnixMs < clock.healingUnixMs,
      );
      return {
        boundary,
        afterMs: first === undefined ? null : Math.max(0, hundredths(first.atUnixMs - clock.faultUnixMs)),
        errorMs: hundredths(errorMs),
      };
    }),
    { boundary: "traffic stable", afterMs: stableAfterMs, errorMs: hundredths(clock.proberErrorMs) },
  ];
  return {
    seen,
    lastGoodAfterMs: after(facts.lastGoodMs),
    firstErrorAfterMs,
    firstNewAfterMs: after(facts.firstNewMs),
    stableAfterMs,
    ...cutOutage(seen, after(facts.lastGoodMs) ?? firstErrorAfterMs, stableAfterMs),
  };
}

function cutOutage(
  seen: Phases["seen"],
  fromMs: number | null,
  untilMs: number | null,
): Pick<Phases, "links" | "unexplainedMs"> {
  if (fromMs === null || untilMs === null) return { links: [], unexplainedMs: 0 };
  seen = inCausalOrder(seen);
  const links: { upTo: Boundary; ms: number }[] = [];
  let unexplainedMs = 0;
  let before = 0;
  let gap = false;
  for (const { boundary, afterMs } of seen.slice(1)) {
    if (afterMs === null) {
      gap = true;
      continue;
    }
    const ms = Math.max(0, Math.min(afterMs, untilMs) - Math.max(before, fromMs));
    if (gap) unexplainedMs += ms;
    else links.push({ upTo: boundary, ms: hundredths(ms) });
    gap = false;
    before = Math.max(before, afterMs);
  }
  return { links, unexplainedMs: hundredths(unexplainedMs) };
}

/**
 * A cause is never later than its effect. A stamp that is later within its error was reported late: the effect's time
 * bounds it. A stamp later by more counts as not seen.
 */
function inCausalOrder(seen: Phases["seen"]): Phases["seen"] {
  let next: Phases["seen"][number] | undefined;
  const backwards = seen.toReversed().map((reported) => {
    let own = reported;
    if (reported.afterMs !== null && next?.afterMs != null && reported.afterMs > next.afterMs) {
      const late = reported.afterMs - next.afterMs;
      own = { ...reported, afterMs: late <= reported.errorMs + next.errorMs ? next.afterMs : null };
    }
    if (own.afterMs !== null) next = own;
    return own;
  });
  return backwards.toReversed();
}
