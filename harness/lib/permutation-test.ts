import { combinations, shuffleInPlace } from "simple-statistics";
import { z } from "zod";
import { seededRandom } from "./random.ts";
import type { Infer } from "./records.ts";
import { median } from "./stats.ts";

export const permutationResultSchema = z.object({
  /** Median of the second sample minus that of the first. */
  difference: z.number(),
  /** Probability of a difference at least as large, in either direction, if both samples have one distribution. */
  p: z.number(),
  /** The `p` of samples of these sizes that do not overlap: a test with a lower error rate hardly ever rejects. */
  smallestP: z.number(),
  /** Whether every permutation was evaluated; otherwise a seeded sample of them. */
  exact: z.boolean(),
});
export type PermutationResult = Infer<typeof permutationResultSchema>;

/** More permutations than this are sampled. */
const mostExact = 5000;
const sampled = 9999;

/**
 * Two-sided permutation test on medians. Rejecting at `p <= alpha` is wrong with a probability of at most alpha,
 * whatever the distribution, also where permutations are sampled (the observed one is counted among them). Values may
 * be infinite: a censored one is longer than any other.
 */
export function permutationTest(
  a: readonly number[],
  b: readonly number[],
  seed: number,
): PermutationResult | undefined {
  if (a.length === 0 || b.length === 0) return undefined;
  // Infinite differences could not be ordered.
  const longest = 2 * Math.max(1, ...[...a, ...b].filter(Number.isFinite).map(Math.abs));
  const finite = (of: readonly number[]): number[] => of.map((v) => Math.min(v, longest));
  const observed = medianDifference(finite(a), finite(b));
  const all = finite([...a, ...b]);
  const total = choose(all.length, b.length);
  const found = { difference: shownDifference(a, b) };
  if (total > mostExact) {
    const extreme = countExtreme(sampledSplits(all, b.length, seed), observed);
    return { ...found, p: (extreme + 1) / (sampled + 1), smallestP: 1 / (sampled + 1), exact: false };
  }
  const apart = [a.map((_, i) => i), b.map((_, i) => 1e6 + i)] as const;
  return {
    ...found,
    p: countExtreme(everySplit(all, b.length), observed) / total,
    smallestP: countExtreme(everySplit(apart.flat(), b.length), medianDifference(...apart)) / total,
    exact: true,
  };
}

/** With a tolerance, because a permutation may sum the same numbers in another order. */
function countExtreme(differences: readonly number[], observed: number): number {
  const least = Math.abs(observed) - 1e-9 * Math.max(1, Math.abs(observed));
  return differences.filter((d) => Math.abs(d) >= least).length;
}

const medianDifference = (a: readonly number[], b: readonly number[]): number => median(b) - median(a);

/** Both medians may be infinite: then they do not differ. */
function shownDifference(a: readonly number[], b: readonly number[]): number {
  const [of, to] = [median(a), median(b)];
  return of === to ? 0 : to - of;
}

function everySplit(all: readonly number[], second: number): number[] {
  return combinations(
    all.map((_, i) => i),
    second,
  ).map((chosen: number[]) => {
    const taken = new Set(chosen);
    return medianDifference(
      all.filter((_, i) => !taken.has(i)),
      all.filter((_, i) => taken.has(i)),
    );
  });
}

function sampledSplits(all: readonly number[], second: number, seed: number): number[] {
  const next = seededRandom(seed);
  const order = [...all];
  return Array.from({ length: sampled }, () => {
    shuffleInPlace(order, next);
    return medianDifference(order.slice(second), order.slice(0, second));
  });
}

function choose(n: number, k: number): number {
  let result = 1;
  for (let i = 1; i <= Math.min(k, n - k); i++) result = (result * (n - i + 1)) / i;
  return Math.round(result);
}
