import { bisect, gammaln } from "simple-statistics";

/** The probability of at least `k` events in `n` trials, each with probability `p`. Exact, also far out in the tail. */
export function atLeast(k: number, n: number, p: number): number {
  if (k <= 0) return 1;
  if (k > n || p <= 0) return 0;
  if (p >= 1) return 1;
  // Summed away from the mean, so that terms only decrease; on its other side as the complement.
  return k > n * p ? tail(k, n, p) : 1 - tail(n - k + 1, n, 1 - p);
}

/** The probability of at most `k` events. */
export const atMost = (k: number, n: number, p: number): number => atLeast(n - k, n, 1 - p);

function tail(k: number, n: number, p: number): number {
  let term = Math.exp(logChoose(n, k) + k * Math.log(p) + (n - k) * Math.log1p(-p));
  let sum = 0;
  for (let i = k; i <= n; i++) {
    sum += term;
    if (term < sum * 1e-17) break;
    term *= ((n - i) / (i + 1)) * (p / (1 - p));
  }
  return Math.min(1, sum);
}

const logChoose = (n: number, k: number): number => gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1);

/**
 * Clopper and Pearson's exact upper bound of a probability, one-sided: after `events` in `n` trials it is at most this
 * with the given confidence. 'None in 3 runs' bounds it at 63.2 %.
 */
export function upperBound(events: number, n: number, confidence = 0.95): number {
  if (events >= n) return 1;
  return bisect((p: number) => atMost(events, n, p) - (1 - confidence), 0, 1, 100, 1e-9);
}

/** The lower bound, likewise: after 2 events in 2 trials the probability is at least 22.4 %. */
export const lowerBound = (events: number, n: number, confidence = 0.95): number =>
  1 - upperBound(n - events, n, confidence);
