import { bootstrapMedians } from "./median-interval.ts";
import { permutationTest } from "./permutation-test.ts";
import { seededRandom } from "./random.ts";
import { median, sortedQuantile } from "./stats.ts";

export interface CoverageSetting {
  readonly labs: number;
  /** Of each lab. */
  readonly runs: number;
  /** Intraclass correlation: the labs' share of the variance (of the logarithm, for a log-normal distribution). */
  readonly correlation: number;
  readonly shape: "normal" | "log-normal";
}

export interface Simulation {
  readonly trials: number;
  readonly resamples: number;
  readonly seed: number;
}

/** How often each kind of interval contains the true median, in simulated campaigns. */
export function simulatedCoverage(
  { labs, runs, correlation, shape }: CoverageSetting,
  { trials, resamples, seed }: Simulation,
): { readonly bootstrap: number; readonly labs: number } {
  const next = seededRandom(seed);
  const trueMedian = shape === "normal" ? 0 : 1;
  let [byBootstrap, byLabs] = [0, 0];
  for (let trial = 0; trial < trials; trial++) {
    const values = simulatedLabs({ labs, runs, correlation, shape }, next);
    if (resamples > 0) {
      const medians = bootstrapMedians(values, { next, resamples });
      if (sortedQuantile(medians, 0.025) <= trueMedian && trueMedian <= sortedQuantile(medians, 0.975))
        byBootstrap += 1;
    }
    const medians = values.map(median);
    if (Math.min(...medians) <= trueMedian && trueMedian <= Math.max(...medians)) byLabs += 1;
  }
  return { bootstrap: byBootstrap / trials, labs: byLabs / trials };
}

/**
 * How often a permutation test that ignores labs calls two samples of one distribution different: `errorRate` if labs do
 * not differ, and more if they do.
 */
export function simulatedFalseAlarms(
  setting: CoverageSetting,
  { trials, seed }: Pick<Simulation, "trials" | "seed">,
  errorRate: number,
): number {
  const next = seededRandom(seed);
  const runs = () => simulatedLabs(setting, next).flatMap((lab) => lab.map((value) => [value]));
  let alarms = 0;
  for (let trial = 0; trial < trials; trial++)
    if ((permutationTest(runs(), runs(), trial)?.p ?? 1) <= errorRate) alarms += 1;
  return alarms / trials;
}

/** The values of each lab of a campaign. */
function simulatedLabs({ labs, runs, correlation, shape }: CoverageSetting, next: () => number): number[][] {
  return Array.from({ length: labs }, () => {
    const ofLab = Math.sqrt(correlation) * normal(next);
    return Array.from({ length: runs }, () => {
      const value = ofLab + Math.sqrt(1 - correlation) * normal(next);
      return shape === "normal" ? value : Math.exp(value);
    });
  });
}

/** A standard normal variate, by Box and Muller. */
function normal(next: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}
