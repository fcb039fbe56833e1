import { combinations, shuffleInPlace } from "simple-statistics";
import { z } from "zod";
import { seededRandom } from "./random.ts";
import type { Infer } from "./records.ts";
import { median } from "./stats.ts";

export const permutationResultSchema = z.strictObject({
  /** Probability of a difference at least as large, in either direction, if both samples have one distribution. */
  p: z.number(),
  /** The `p` of samples of these sizes that do not overlap: a test with a lower error rate never rejects. */
  smallestP: z.number(),
  /** Whether every permutation was evaluated; otherwise a seeded sample of them. */
  exact: z.boolean(),
});
export type PermutationResult = Infer<typeof permutationResultSchema>;

/** Values that stay together in every permutation: one run, or all runs of a lab. */
type Unit = readonly number[];

/** More permutations than this are sampled. */
const mostExact = 5000;
const sampled = 9999;

/**
 * Two-sided permutation test on medians. Rejecting at `p <= alpha` is wrong with a probability of at most alpha,
 * whatever the distribution, also where permutations are sampled (the observed one is counted among them). Values may
 * be infinite: a censored one is longer than any other. Undefined without units on both sides.
 */
export function permutationTest(
  a: readonly Unit[],
  b: readonly Unit[],
  seed: number,
): PermutationResult | undefined {
  if (a.length === 0 || b.length === 0) return undefined;
  // Differences of infinite values could not be ordered.
  const longest = 2 * Math.max(1, ...[...a, ...b].flat().filter(Number.isFinite).map(Math.abs));
  const finite = (units: readonly Unit[]): Unit[] => units.map((u) => u.map((v) => Math.min(v, longest)));
  const split = [finite(a), finite(b)] as const;
  const total = choose(a.length + b.length, b.length);
  if (total > mostExact) {
    const p = (countExtreme(sampledSplits(split, seed), split) + 1) / (sampled + 1);
    return { p, smallestP: 1 / (sampled + 1), exact: false };
  }
  const apart = [spread(a, 0), spread(b, 1e6)] as const;
  return {
    p: countExtreme(everySplit(split), split) / total,
    smallestP: countExtreme(everySplit(apart), apart) / total,
    exact: true,
  };
}

type Split = readonly [first: readonly Unit[], second: readonly Unit[]];

const difference = ([first, second]: Split): number => median(second.flat()) - median(first.flat());

/** With a tolerance, because a permutation may sum the same numbers in another order. */
function countExtreme(splits: readonly Split[], observed: Split): number {
  const size = Math.abs(difference(observed));
  const least = size - 1e-9 * Math.max(1, size);
  return splits.filter((s) => Math.abs(difference(s)) >= least).length;
}

/** Units of the same sizes whose values are all different, and resemble each other no more within than between units. */
const spread = (units: readonly Unit[], from: number): Unit[] =>
  units.map((unit, u) => unit.map((_, i) => from + i * units.length + u));

function everySplit([first, second]: Split): Split[] {
  const all = [...first, ...second];
  return combinations(
    all.map((_, i) => i),
    second.length,
  ).map((chosen) => {
    const taken = new Set(chosen);
    return [all.filter((_, i) => !taken.has(i)), all.filter((_, i) => taken.has(i))] as const;
  });
}

function sampledSplits([first, second]: Split, seed: number): Split[] {
  const next = seededRandom(seed);
  const order = [...first, ...second];
  return Array.from({ length: sampled }, () => {
    shuffleInPlace(order, next);
    return [order.slice(second.length), order.slice(0, second.length)] as const;
  });
}

function choose(n: number, k: number): number {
  let result = 1;
  for (let i = 1; i <= Math.min(k, n - k); i++) result = (result * (n - i + 1)) / i;
  return Math.round(result);
}
