/** Rounds to hundredths: of a millisecond, as probers report, or of a share. */
export function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}

/** A bound as a whole percentage, never below it: rounding may not make a bound tighter. */
export const percentUp = (share: number): number => Math.ceil(share * 100 - 1e-6);

/** A lower bound as a whole percentage, never above it. */
export const percentDown = (share: number): number => Math.floor(share * 100 + 1e-6);

/** The q-quantile (0..1) of the values, by the nearest rank; NaN for none. */
export function quantile(values: readonly number[], q: number): number {
  return sortedQuantile(
    [...values].sort((a, b) => a - b),
    q,
  );
}

/** The same for sorted values. Not a library: libraries interpolate between measured values. */
export function sortedQuantile(sorted: readonly number[], q: number): number {
  return sorted[nearestRank(sorted.length, q) - 1] ?? Number.NaN;
}

/** The rank of the q-quantile among `count` values, from 1 on: of 20 values p95 is the 19th. */
export const nearestRank = (count: number, q: number): number =>
  Math.min(count, Math.max(1, Math.ceil(q * count)));

/** The middle value, or the mean of the middle two: infinite if one of them is. Libraries give NaN for infinite values. */
export function median(values: readonly number[]): number {
  return sortedMedian(Float64Array.from(values).sort());
}

export function sortedMedian(sorted: ArrayLike<number>): number {
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[half - 1] ?? Number.NaN)) / 2;
}

/**
 * How many answers to sample so that, with `backends` equally likely backends, the probability of missing any of them
 * by chance is at most `falseAlarm` (union bound over the backends).
 */
export function answersToSeeAll(backends: number, falseAlarm: number): number {
  if (backends <= 1) return 1;
  return Math.ceil(Math.log(falseAlarm / backends) / Math.log(1 - 1 / backends));
}
