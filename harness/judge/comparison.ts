import { type PermutationResult, permutationTest } from "#harness/lib/permutation-test.ts";
import { median } from "#harness/lib/stats.ts";
import { isCensored, labOf } from "#harness/model/figures.ts";
import { givesFigures, type Measurement } from "#harness/model/measurement.ts";

export interface Compared extends PermutationResult {
  /**
   * Runs of a lab are permuted together if both sides have enough labs. If not, single runs are: a lab's own speed then
   * counts as a difference, and the error rate does not hold.
   */
  readonly unit: "lab" | "run";
  /** Medians of the lost time in milliseconds; infinite where losses were not over when the fault was removed. */
  readonly medians: readonly [number, number];
  /** `unknown`: no samples of these sizes could differ with this error rate. */
  readonly result: "slower" | "faster" | "no difference shown" | "unknown";
}

/** The seed of sampled permutations, so that a comparison made again is identical. */
const seed = 2026;

/**
 * Compares the lost time of two samples, each of one setting and one state of the sources: whether that of the second is
 * longer. Permuted by lab, the result is wrong with a probability of at most `errorRate` if there is no difference; by
 * run only if labs do not differ. Undefined if one is empty.
 */
export function compareLostTime(
  a: readonly Measurement[],
  b: readonly Measurement[],
  errorRate: number,
): Compared | undefined {
  const [first, second] = [usable(a), usable(b)];
  const byLab = permutationTest(labs(first), labs(second), seed);
  const asRuns = (of: readonly Measurement[]): number[][] => of.map((m) => [lostTimeOf(m)]);
  const unit = byLab !== undefined && byLab.smallestP <= errorRate ? "lab" : "run";
  const found = unit === "lab" ? byLab : permutationTest(asRuns(first), asRuns(second), seed);
  if (found === undefined) return undefined;
  const medians = [median(first.map(lostTimeOf)), median(second.map(lostTimeOf))] as const;
  return { ...found, unit, medians, result: resultOf(found, medians, errorRate) };
}

function resultOf(
  { p, smallestP }: PermutationResult,
  [first, second]: readonly [number, number],
  errorRate: number,
): Compared["result"] {
  if (smallestP > errorRate) return "unknown";
  if (p > errorRate || first === second) return "no difference shown";
  return second > first ? "slower" : "faster";
}

/** Failed runs stay; those that the test machine spoiled do not. */
const usable = (of: readonly Measurement[]): Measurement[] => of.filter(givesFigures);

const lostTimeOf = ({ away }: Measurement): number =>
  isCensored(away) ? Number.POSITIVE_INFINITY : away.lostTimeMs;

const labs = (of: readonly Measurement[]): number[][] =>
  [...Map.groupBy(of, labOf).values()].map((lab) => lab.map(lostTimeOf));
