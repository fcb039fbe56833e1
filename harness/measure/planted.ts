import type { PlantedDelay } from "#harness/faults/catalogue/planted-delay.ts";
import { leastPairs, type Planted } from "#harness/judge/planted.ts";
import { troublesOf } from "#harness/judge/provenance.ts";
import type { Boundary } from "#harness/model/measurement.ts";
import { failedBecause, passed, type Verdict } from "#harness/model/verdict.ts";
import type { Measured } from "./measure.ts";

/** A link of the chain, by the boundaries at its ends. */
export interface PlantedLink {
  readonly from: Boundary;
  readonly upTo: Boundary;
  /** The delays to plant, in milliseconds. */
  readonly sizesMs: readonly number[];
}

export interface PlantedRound {
  readonly pairs: readonly Planted[];
  /** Measurements that the test machine spoiled. */
  readonly spoiled: number;
  readonly verdict: Verdict;
}

/** Whether every size has pairs enough. */
export const hasEnough = ({ sizesMs }: PlantedLink, pairs: readonly Planted[]): boolean =>
  sizesMs.every((holdMs) => pairs.filter((p) => p.holdMs === holdMs).length >= leastPairs);

/**
 * Measures a link once without a delay and once with each size: a pair for each, of measurements minutes apart. The
 * order changes from round to round, so that a drift of the machine and what a measurement leaves behind meet all sizes.
 * `measureOne` scales to zero once; without a delay if it is undefined.
 */
export async function measureRound(
  link: PlantedLink,
  round: number,
  delayOf: (holdMs: number) => PlantedDelay,
  measureOne: (title: string, delay: PlantedDelay | undefined) => Promise<Measured>,
): Promise<PlantedRound> {
  const seen = new Map<number, Seen>();
  let spoiled = 0;
  for (const holdMs of orderOf([0, ...link.sizesMs], round)) {
    const delay = holdMs === 0 ? undefined : delayOf(holdMs);
    const measured = await measureOne(`${round} ${holdMs} ms`, delay);
    // The limits of the instrument are those of published figures (METHOD, rule 15).
    if (troublesOf({ ...measured.figures, outcome: measured.verdict.outcome }).length > 0) {
      spoiled += 1;
      continue;
    }
    const failed = (verdict: Verdict): PlantedRound => ({ pairs: [], spoiled, verdict });
    const one = seenIn(measured, link, delay);
    if (typeof one === "string")
      return failed(failedBecause([`round ${round}, ${holdMs} ms planted: ${one}`]));
    if (measured.verdict.outcome === "fail") return failed(measured.verdict);
    seen.set(holdMs, one);
  }
  return { pairs: pairsOf(seen, round), spoiled, verdict: passed };
}

function pairsOf(seen: ReadonlyMap<number, Seen>, round: number): Planted[] {
  const plain = seen.get(0);
  if (plain === undefined) return [];
  return [...seen].flatMap(([holdMs, { lengthMs, errorMs, added }]) =>
    added === undefined
      ? []
      : {
          ...{ holdMs, round, plainMs: plain.lengthMs, delayedMs: lengthMs },
          ...{ errorMs: plain.errorMs + errorMs, recordMs: added.ms, recordErrorMs: added.errorMs },
        },
  );
}

/** A measured link, and what the fault of its measurement added. */
interface Seen {
  readonly lengthMs: number;
  readonly errorMs: number;
  readonly added: ReturnType<PlantedDelay["added"]> | undefined;
}

/** The link's length, or why it has none. */
function seenIn(
  { figures, faultUnixMs }: Measured,
  { from, upTo }: PlantedLink,
  delay: PlantedDelay | undefined,
): Seen | string {
  const [begin, end] = [from, upTo].map((b) => figures.phases.seen.find((s) => s.boundary === b));
  if (begin?.afterMs == null) return `the boundary "${from}" was not seen`;
  if (end?.afterMs == null) return `the boundary "${upTo}" was not seen`;
  return {
    lengthMs: end.afterMs - begin.afterMs,
    errorMs: begin.errorMs + end.errorMs,
    added: addedBy(delay, { faultUnixMs, boundaryUnixMs: faultUnixMs + end.afterMs }, begin.errorMs),
  };
}

/** A fault learns of the boundary before the link by the same kind of watch as the measurement, so as late. */
function addedBy(
  delay: PlantedDelay | undefined,
  at: Parameters<PlantedDelay["added"]>[0],
  beginErrorMs: number,
): Seen["added"] {
  if (delay === undefined) return undefined;
  const { ms, errorMs } = delay.added(at);
  return { ms, errorMs: errorMs + beginErrorMs };
}

/** Rotated, and backwards in every second round. */
function orderOf(sizesMs: readonly number[], round: number): number[] {
  const at = Math.ceil(round / 2) % sizesMs.length;
  const rotated = [...sizesMs.slice(at), ...sizesMs.slice(0, at)];
  return round % 2 === 0 ? rotated.reverse() : rotated;
}
