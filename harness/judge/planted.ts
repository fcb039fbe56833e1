import { quantile } from "#harness/lib/stats.ts";
import { combine, failedBecause, unknownBecause, type Verdict } from "#harness/model/verdict.ts";

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

/** Whether a link's planted delays were measured in it: for each size the median shift, against the median record. */
export function judgePlanted(link: string, sizesMs: readonly number[], pairs: readonly Planted[]): Verdict {
  return combine(
    sizesMs.map((holdMs) =>
      judgeSize(
        link,
        holdMs,
        pairs.filter((p) => p.holdMs === holdMs),
      ),
    ),
  );
}

function judgeSize(link: string, holdMs: number, pairs: readonly Planted[]): Verdict {
  const planted = `${link}, ${holdMs} ms planted`;
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
  return failedBecause(
    Math.abs(shift - record) <= allowed
      ? []
      : [
          `${planted}: ${shift.toFixed(0)} ms were measured, ${record.toFixed(0)} ms by the fault's own record (${allowed.toFixed(0)} ms are allowed)`,
        ],
  );
}
