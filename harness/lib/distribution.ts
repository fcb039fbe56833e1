import { z } from "zod";
import { medianInterval, medianIntervalSchema } from "./median-interval.ts";
import type { Infer } from "./records.ts";
import { hundredths, median, sortedQuantile } from "./stats.ts";

/** Null: longer than it was observed. */
const value = z.number().nullable();

export const distributionSchema = z.strictObject({
  count: z.number(),
  labs: z.number(),
  median: value,
  /** Absent for measurements of one lab. */
  interval: medianIntervalSchema.exactOptional(),
  /** Absent for fewer than 20 values, of which it would be the largest. */
  p95: value.exactOptional(),
  largest: value,
  /** How many values are only lower bounds, the smallest of those, and what the largest value exceeds. */
  censored: z.number(),
  longerThan: z.number().exactOptional(),
  largestOver: z.number().exactOptional(),
});
export type Distribution = Infer<typeof distributionSchema>;

export interface Observed {
  readonly value: number;
  /** The value is only a lower bound. */
  readonly censored: boolean;
  readonly lab: string;
}

const leastForP95 = 20;

/** The same values and seed give the same interval. Undefined without values. */
export function distributionOf(observed: readonly Observed[], seed: number): Distribution | undefined {
  if (observed.length === 0) return undefined;
  const orInfinite = (o: Observed): number => (o.censored ? Number.POSITIVE_INFINITY : o.value);
  const sorted = observed.map(orInfinite).sort((a, b) => a - b);
  const labs = [...Map.groupBy(observed, (o) => o.lab).values()].map((of) => of.map(orInfinite));
  const interval = medianInterval(labs, seed);
  const bounds = observed.filter((o) => o.censored).map((o) => o.value);
  return {
    count: sorted.length,
    labs: labs.length,
    median: finite(median(sorted)),
    ...(interval === undefined ? {} : { interval }),
    ...(sorted.length < leastForP95 ? {} : { p95: finite(sortedQuantile(sorted, 0.95)) }),
    largest: finite(sortedQuantile(sorted, 1)),
    censored: bounds.length,
    ...(bounds.length === 0
      ? {}
      : {
          longerThan: hundredths(Math.min(...bounds)),
          largestOver: hundredths(Math.max(...observed.map((o) => o.value))),
        }),
  };
}

const finite = (of: number): number | null => (Number.isFinite(of) ? hundredths(of) : null);
