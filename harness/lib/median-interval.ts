import { z } from "zod";
import { seededRandom } from "./random.ts";
import type { Infer } from "./records.ts";
import { hundredths, median, sortedMedian, sortedQuantile } from "./stats.ts";

export const medianIntervalSchema = z.strictObject({
  /**
   * `bootstrap`: 95 % percentile interval of a hierarchical bootstrap (lab, then run). `labs`: the range of the labs'
   * medians, for fewer labs than the bootstrap needs.
   */
  kind: z.enum(["bootstrap", "labs"]),
  /** Null: longer than the measurements lasted. */
  low: z.number().nullable(),
  high: z.number().nullable(),
  /** The probability that such an interval contains the median: simulated (at least), or of order statistics. */
  coverage: z.number(),
});
export type MedianInterval = Infer<typeof medianIntervalSchema>;

/**
 * With fewer labs the bootstrap's simulated coverage is below 93 % at an intraclass correlation of 0.5, whatever the
 * number of runs: `npm run bench -- coverage`.
 */
export const bootstrapLabs = 20;
export const bootstrapCoverage = 0.93;
const resamples = 2000;

/** The values of each lab; the same values and seed give the same interval. Undefined for one lab: it says nothing. */
export function medianInterval(
  labs: readonly (readonly number[])[],
  seed: number,
): MedianInterval | undefined {
  const full = labs.filter((l) => l.length > 0);
  if (full.length < 2) return undefined;
  if (full.length < bootstrapLabs) return labRange(full);
  const medians = bootstrapMedians(full, { next: seededRandom(seed), resamples });
  return {
    kind: "bootstrap",
    low: finite(sortedQuantile(medians, 0.025)),
    high: finite(sortedQuantile(medians, 0.975)),
    coverage: bootstrapCoverage,
  };
}

/** Each lab's median is as likely above the median of all labs as below: all are on one side in 2 of 2^labs cases. */
export function labRange(labs: readonly (readonly number[])[]): MedianInterval {
  const medians = labs.map(median);
  return {
    kind: "labs",
    low: finite(Math.min(...medians)),
    high: finite(Math.max(...medians)),
    coverage: 1 - 2 ** (1 - labs.length),
  };
}

const finite = (value: number): number | null => (Number.isFinite(value) ? hundredths(value) : null);

/** Medians of resampled measurements, sorted: labs are drawn with replacement, then the runs of each drawn lab. */
export function bootstrapMedians(
  labs: readonly (readonly number[])[],
  { next, resamples }: { readonly next: () => number; readonly resamples: number },
): number[] {
  const medians: number[] = [];
  for (let i = 0; i < resamples; i++) {
    const drawn: number[] = [];
    for (let l = 0; l < labs.length; l++) {
      const lab = labs[Math.floor(next() * labs.length)] ?? [];
      for (let r = 0; r < lab.length; r++) drawn.push(lab[Math.floor(next() * lab.length)] ?? Number.NaN);
    }
    medians.push(sortedMedian(Float64Array.from(drawn).sort()));
  }
  return medians.sort((a, b) => a - b);
}
