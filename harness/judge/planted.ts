import { atMost } from "#harness/lib/binomial.ts";
import { found } from "#harness/lib/found.ts";
import { median } from "#harness/lib/stats.ts";
import { combine, failedBecause, passed, unknownBecause, type Verdict } from "#harness/model/verdict.ts";

/** METHOD, rule 10: pairs of measurements, without and with a planted delay, for each size. */
export const leastPairs = 15;

/** A link measured without and with a planted delay, in one round. Times in milliseconds. */
export interface Planted {
  readonly holdMs: number;
  readonly round: number;
  readonly plainMs: number;
  readonly delayedMs: number;
  /** The error bounds of both boundaries of both measurements. */
  readonly errorMs: number;
  /** What the fault added, by its own record. */
  readonly recordMs: number;
  readonly recordErrorMs: number;
}

export const shiftMs = ({ plainMs, delayedMs }: Planted): number => delayedMs - plainMs;

/** The larger of 10 % and 30 ms of the fault's own record. */
const allowedMs = (recordMs: number): number => Math.max(0.1 * recordMs, 30);

/**
 * How many values lie outside on each side of the narrowest order statistics between which the median lies with at least
 * 95 %: exact, by the sign test (96.5 % for fifteen values, 97.9 % for sixteen). None for fewer than six values.
 */
export function rankOfInterval(count: number): number | undefined {
  let rank: number | undefined;
  for (let r = 0; 2 * atMost(r, count, 0.5) <= 0.05; r++) rank = r;
  return rank;
}

/**
 * Whether a link's planted delays were measured in it: for each size the median shift, against the median record. METHOD,
 * rule 10, judges the median alone, so scatter fails no size whose median is right. A median that is off, of pairs that
 * scatter so much that the true one may not be, says nothing.
 */
export function judgePlanted(link: string, sizesMs: readonly number[], pairs: readonly Planted[]): Verdict {
  return combine(
    sizesMs.map((holdMs) =>
      judgeSize(
        `${link}, ${holdMs} ms planted`,
        pairs.filter((p) => p.holdMs === holdMs),
      ),
    ),
  );
}

function judgeSize(planted: string, pairs: readonly Planted[]): Verdict {
  if (pairs.length < leastPairs)
    return unknownBecause([
      `${planted}: ${pairs.length} of ${leastPairs} pairs; the machine spoiled the others`,
    ]);
  const shift = median(pairs.map(shiftMs));
  const record = median(pairs.map((p) => p.recordMs));
  const allowed = allowedMs(record);
  if (Math.abs(shift - record) <= allowed) return passed;
  const seen = `${planted}: ${shift.toFixed(0)} ms were measured, ${record.toFixed(0)} ms by the fault's own record (${allowed.toFixed(0)} ms are allowed)`;
  const off = pairs.map((p) => shiftMs(p) - p.recordMs).sort((a, b) => a - b);
  const rank = found(rankOfInterval(off.length), "interval of a median of fifteen or more values");
  const [low = 0, high = 0] = [off[rank], off[off.length - 1 - rank]];
  return low > allowed || high < -allowed
    ? failedBecause([seen])
    : unknownBecause([
        `${seen}; the pairs scatter too much to say: they are off by ${low.toFixed(0)} to ${high.toFixed(0)} ms (95 % for the median)`,
      ]);
}
