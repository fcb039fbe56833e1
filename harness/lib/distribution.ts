import { z } from "zod";
import { given } from "./given.ts";
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
  /** How many values are only lower bounds. */
  censored: z.number(),
  /** If there are some: what the true statistics are at least; those above are what they are at most. */
  atLeast: z
    .strictObject({
      median: z.number(),
      p95: z.number(),
      largest: z.number(),
      low: z.number().exactOptional(),
      high: z.number().exactOptional(),
    })
    .exactOptional(),
});
export type Distribution = Infer<typeof distributionSchema>;

export interface Observed {
  readonly value: number;
  /** The value is only a lower bound. */
  readonly censored: boolean;
  readonly lab: string;
}

/** METHOD, rule 5: p95 of fewer values would be the largest. */
export const leastForP95 = 20;

/**
 * The same values and seed give the same interval. A lower bound counts as longer than any value; a statistic that it
 * decides is null. Undefined without values.
 */
export function distributionOf(observed: readonly Observed[], seed: number): Distribution | undefined {
  if (observed.length === 0) return undefined;
  const { labs, sorted, interval } = orderedBy(
    (o) => (o.censored ? Number.POSITIVE_INFINITY : o.value),
    observed,
    seed,
  );
  const censored = observed.filter((o) => o.censored).length;
  return {
    count: sorted.length,
    labs,
    median: finite(median(sorted)),
    ...(interval === undefined ? {} : { interval }),
    ...(sorted.length < leastForP95 ? {} : { p95: finite(sortedQuantile(sorted, 0.95)) }),
    largest: finite(sortedQuantile(sorted, 1)),
    censored,
    ...(censored === 0 ? {} : { atLeast: atLeast(observed, seed) }),
  };
}

/** The values, and the interval of their median by lab. */
function orderedBy(value: (o: Observed) => number, observed: readonly Observed[], seed: number) {
  const labs = [...Map.groupBy(observed, (o) => o.lab).values()].map((of) => of.map(value));
  return {
    labs: labs.length,
    sorted: observed.map(value).sort((a, b) => a - b),
    interval: medianInterval(labs, seed),
  };
}

/** With each lower bound in the place of its value: no quantile of the true values is smaller. */
function atLeast(observed: readonly Observed[], seed: number): NonNullable<Distribution["atLeast"]> {
  const { sorted, interval } = orderedBy((o) => o.value, observed, seed);
  return {
    median: hundredths(median(sorted)),
    p95: hundredths(sortedQuantile(sorted, 0.95)),
    largest: hundredths(sortedQuantile(sorted, 1)),
    ...given({ low: interval?.low ?? undefined, high: interval?.high ?? undefined }),
  };
}

const finite = (of: number): number | null => (Number.isFinite(of) ? hundredths(of) : null);
