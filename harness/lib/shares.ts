import { atLeast, atMost } from "./binomial.ts";

/** Shares that the test tells from even ones, with this power: of two backends one answers 60 % and the other 40 %. */
const uneven = { larger: 0.6, smaller: 0.4 };
const power = 0.99;

export interface Band {
  readonly low: number;
  readonly high: number;
}

/**
 * The counts that a part with the share `p` of `n` answers may have. It is outside by chance with a probability of at
 * most `falseAlarm`, exactly, by the binomial distribution.
 */
export function shareBand(n: number, p: number, falseAlarm: number): Band {
  const low = firstWhere(0, n, (k) => atMost(k, n, p) > falseAlarm / 2);
  const high = firstWhere(0, n, (k) => atLeast(k + 1, n, p) <= falseAlarm / 2);
  return { low, high };
}

/**
 * The probability of a false alarm that each of `parts` may have, so that all together have `falseAlarm`. Of two parts
 * one has what the other lacks, so they are one test.
 */
export const alarmOfEach = (parts: number, falseAlarm: number): number =>
  falseAlarm / (parts === 2 ? 1 : parts);

/**
 * How many answers tell even shares of `parts` from shares of which two stand 60:40 and the others are even: with the
 * given probability of a false alarm and a power of 0.99.
 */
export function answersForShares(parts: number, falseAlarm: number): number {
  if (parts < 2) return 1;
  const enough = (n: number): boolean => powerOf(n, parts, falseAlarm) >= power;
  let most = 64;
  while (!enough(most)) most *= 2;
  return firstWhere(most / 2, most, enough);
}

/** The power of the more likely of two alarms, a lower bound. Also with a few answers more, as its size is rounded up. */
function powerOf(n: number, parts: number, falseAlarm: number): number {
  const each = alarmOfEach(parts, falseAlarm);
  return Math.min(
    ...[0, 1, 2, 3, 5, 8, 13].map((more) => {
      const { low, high } = shareBand(n + more, 1 / parts, each);
      return Math.max(
        atLeast(high + 1, n + more, (2 * uneven.larger) / parts),
        atMost(low - 1, n + more, (2 * uneven.smaller) / parts),
      );
    }),
  );
}

/** The first number from which on a condition holds that does not hold before it, by bisection. */
function firstWhere(from: number, until: number, holds: (n: number) => boolean): number {
  let [low, high] = [from, until];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
