import { hundredths } from "#harness/lib/stats.ts";
import type { ChainRecord } from "#harness/model/chain.ts";
import { resolvedShare } from "#harness/model/figures-links.ts";
import type { Boundary, Phases } from "#harness/model/measurement.ts";
import type { FailoverFacts } from "./failover.ts";
import type { Gap } from "./losses.ts";

/**
 * Divides the lost time seen in traffic at the boundaries of the chain of causes. A boundary is the first time after
 * the fault that a link had no active backend of the target cluster left. A piece is accounted for only if both its
 * ends were seen; that the link caused it is not shown by that. Links and the rest add up to the lost time.
 */
export function phasesOf(
  chain: ChainRecord,
  facts: Pick<FailoverFacts, "firstLossMs" | "lastGoodMs" | "firstNewMs" | "stableAgainMs" | "gaps">,
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
  const firstErrorAfterMs = after(facts.firstLossMs);
  const stableAfterMs = firstErrorAfterMs === null ? null : after(facts.stableAgainMs);
  const seen: Phases["seen"] = [
    { boundary: "fault begun", afterMs: 0, errorMs: 0 },
    ...chain.path.map(({ boundary, errorMs }) => ({
      boundary,
      afterMs: seenAfterMs(chain, boundary, clock) ?? null,
      errorMs: hundredths(errorMs),
    })),
    { boundary: "traffic stable", afterMs: stableAfterMs, errorMs: hundredths(clock.proberErrorMs) },
  ];
  return {
    seen,
    lastGoodAfterMs: after(facts.lastGoodMs),
    firstErrorAfterMs,
    firstNewAfterMs: after(facts.firstNewMs),
    stableAfterMs,
    ...accountOf(
      inCausalOrder(seen),
      facts.gaps.map(({ fromMs, toMs }) => ({
        fromMs: fromMs + clock.proberZeroUnixMs - clock.faultUnixMs,
        toMs: toMs + clock.proberZeroUnixMs - clock.faultUnixMs,
      })),
      clock.proberErrorMs,
    ),
  };
}

/**
 * How long after the fault a link had no active backend of the target cluster left; undefined if that was not seen
 * before the healing.
 */
export function seenAfterMs(
  { path, events }: ChainRecord,
  boundary: Boundary,
  { faultUnixMs, healingUnixMs }: { readonly faultUnixMs: number; readonly healingUnixMs: number },
): number | undefined {
  const link = path.find((l) => l.boundary === boundary);
  if (link === undefined) return undefined;
  const first = events.find(
    (e) =>
      e.boundary === boundary &&
      e.active === 0 &&
      e.atUnixMs >= faultUnixMs - link.errorMs &&
      e.atUnixMs < healingUnixMs,
  );
  return first === undefined ? undefined : Math.max(0, hundredths(first.atUnixMs - faultUnixMs));
}

type Account = Pick<Phases, "links" | "accountedMs" | "accountedErrorMs" | "unexplainedMs">;

/** Lost time between two times. */
const lostBetween = (gaps: readonly Gap[], fromMs: number, toMs: number): number =>
  gaps.reduce((sum, g) => sum + Math.max(0, Math.min(toMs, g.toMs) - Math.max(fromMs, g.fromMs)), 0);

function accountOf(seen: Phases["seen"], gaps: readonly Gap[], proberErrorMs: number): Account {
  const links: { -readonly [K in keyof Phases["links"][number]]: Phases["links"][number][K] }[] = [];
  const lostMs = lostBetween(gaps, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
  const beginMs = gaps[0]?.fromMs;
  if (beginMs === undefined) return { links, accountedMs: 0, accountedErrorMs: 0, unexplainedMs: 0 };
  // Bounds of boundaries inside a part cancel: what one link gains the next one loses.
  let accountedMs = 0;
  let accountedErrorMs = 0;
  let last = { afterMs: Number.NEGATIVE_INFINITY, errorMs: 0, open: false };
  let gap = false;
  for (const { boundary, afterMs, errorMs } of seen.slice(1)) {
    if (afterMs === null) {
      gap = true;
      continue;
    }
    const ms = lostBetween(gaps, last.afterMs, afterMs);
    // Where the losses begin inside a link, traffic bounds it, not the earlier boundary.
    const begins = last.afterMs < beginMs ? proberErrorMs : last.errorMs;
    const error = begins + errorMs;
    if (!gap) {
      links.push({
        upTo: boundary,
        ms: hundredths(ms),
        errorMs: hundredths(error),
        resolved: error <= resolvedShare * ms,
      });
      accountedMs += ms;
      accountedErrorMs += last.open ? errorMs - last.errorMs : error;
    }
    last = { afterMs: Math.max(last.afterMs, afterMs), errorMs, open: !gap };
    gap = false;
  }
  return {
    links,
    accountedMs: hundredths(accountedMs),
    accountedErrorMs: hundredths(accountedErrorMs),
    unexplainedMs: hundredths(lostMs - accountedMs),
  };
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
