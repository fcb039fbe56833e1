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

/** The interval follows from the seed alone; no values is no distribution. */
export function distributionOf(values: readonly number[], seed: number): Distribution | undefined {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const next = seededRandom(seed);
  const medians: number[] = [];
  for (let i = 0; i < resamples; i++) {
    const draw = sorted.map(() => sorted[Math.floor(next() * sorted.length)]!).sort((a, b) => a - b);
    medians.push(middle(draw));
  }
  medians.sort((a, b) => a - b);
  return {
    count: sorted.length,
    min: sorted[0]!,
    median: middle(sorted),
    p95: sortedQuantile(sorted, 0.95),
    max: sorted.at(-1)!,
    medianLow: sortedQuantile(medians, 0.025),
    medianHigh: sortedQuantile(medians, 0.975),
  };
}

/** The mean of the two middle values where they are two. */
function middle(sorted: readonly number[]): number {
  const half = sorted.length / 2;
  return sorted.length % 2 === 1
    ? sorted[Math.floor(half)]!
    : hundredths((sorted[half - 1]! + sorted[half]!) / 2);
}
