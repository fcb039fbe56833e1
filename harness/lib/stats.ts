/** Rounds to hundredths: of a millisecond, as probers report, or of a share. */
export function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}

/** The q-quantile (0..1) of the values, by the nearest rank; NaN for none. */
export function quantile(values: readonly number[], q: number): number {
  return sortedQuantile(
    [...values].sort((a, b) => a - b),
    q,
  );
}

/** The same for sorted values. Not a library: libraries interpolate between measured values. */
export function sortedQuantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? Number.NaN;
}

/**
 * How many answers to sample so that, with `backends` equally likely backends, the probability of missing any of them
 * by chance is at most `falseAlarm` (union bound over the backends).
 */
export function answersToSeeAll(backends: number, falseAlarm: number): number {
  if (backends <= 1) return 1;
  return Math.ceil(Math.log(falseAlarm / backends) / Math.log(1 - 1 / backends));
}

/**
 * Half-width of the band around an expected share. A fair sample of `answers` is outside it with a probability of at
 * most `falseAlarm` (Hoeffding's inequality, without a normal approximation).
 */
export function shareTolerance(answers: number, falseAlarm: number): number {
  return Math.sqrt(Math.log(2 / falseAlarm) / (2 * answers));
}
