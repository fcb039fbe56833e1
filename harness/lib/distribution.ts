import { median, sampleWithReplacement } from "simple-statistics";
import { z } from "zod";
import { seededRandom } from "./random.ts";
import type { Infer } from "./records.ts";
import { hundredths, sortedQuantile } from "./stats.ts";

export const distributionSchema = z.strictObject({
  count: z.number(),
  min: z.number(),
  median: z.number(),
  p95: z.number(),
  max: z.number(),
  /** 95 % percentile-bootstrap interval of the median. */
  medianLow: z.number(),
  medianHigh: z.number(),
});
export type Distribution = Infer<typeof distributionSchema>;

const resamples = 2000;

/** The same values and seed give the same interval. Undefined without values. */
export function distributionOf(values: readonly number[], seed: number): Distribution | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  if (min === undefined || max === undefined) return undefined;
  const next = seededRandom(seed);
  const medians = Array.from({ length: resamples }, () =>
    hundredths(median(sampleWithReplacement(sorted, sorted.length, next))),
  ).sort((a, b) => a - b);
  return {
    count: sorted.length,
    min,
    median: hundredths(median(sorted)),
    p95: sortedQuantile(sorted, 0.95),
    max,
    medianLow: sortedQuantile(medians, 0.025),
    medianHigh: sortedQuantile(medians, 0.975),
  };
}
