/** To hundredths: of a millisecond, as probers tell, or of a share. */
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

/** The same of values that are sorted already. Our own: the libraries' quantiles lie between values that were measured. */
export function sortedQuantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? Number.NaN;
}

/**
 * How many answers to draw so that, with `backends` equally likely backends, missing any one of them by chance
 * has a probability of at most `falseAlarm` (union bound over the backends).
 */
export function answersToSeeAll(backends: number, falseAlarm: number): number {
  if (backends <= 1) return 1;
  return Math.ceil(Math.log(falseAlarm / backends) / Math.log(1 - 1 / backends));
}

/**
 * Half-width of the band around an expected share that a fair draw of `answers` leaves with a probability of at
 * most `falseAlarm` (Hoeffding's inequality: no normal approximation).
 */
export function shareTolerance(answers: number, falseAlarm: number): number {
  return Math.sqrt(Math.log(2 / falseAlarm) / (2 * answers));
}
