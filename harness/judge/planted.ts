import { quantile } from "#harness/lib/stats.ts";
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

/** Order statistics between which the median of fifteen or more values lies with 95 % (sign test; 96.5 % for fifteen). */
const rankOfInterval = (count: number): number => Math.floor((count - 1.96 * Math.sqrt(count)) / 2);

/**
 * Whether a link's planted delays were measured in it: for each size the median shift, against the median record. A
 * median that is off, of pairs that scatter so much that the true one may not be, says nothing.
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
  const shift = quantile(pairs.map(shiftMs), 0.5);
  const record = quantile(
    pairs.map((p) => p.recordMs),
    0.5,
  );
  const allowed = allowedMs(record);
  if (Math.abs(shift - record) <= allowed) return passed;
  const seen = `${planted}: ${shift.toFixed(0)} ms were measured, ${record.toFixed(0)} ms by the fault's own record (${allowed.toFixed(0)} ms are allowed)`;
  const off = pairs.map((p) => shiftMs(p) - p.recordMs).sort((a, b) => a - b);
  const rank = rankOfInterval(off.length);
  const [low = 0, high = 0] = [off[rank], off[off.length - 1 - rank]];
  return low > allowed || high < -allowed
    ? failedBecause([seen])
    : unknownBecause([
        `${seen}; the pairs scatter too much to say: they are off by ${low.toFixed(0)} to ${high.toFixed(0)} ms (95 % for the median)`,
      ]);
}
