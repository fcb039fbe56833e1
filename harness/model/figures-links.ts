import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";
import { quantile } from "#harness/lib/stats.ts";
import { boundaries, type Measurement } from "./measurement.ts";

/** A link whose boundaries have a larger error than this share of it is not resolved. */
const resolvedShare = 0.25;

export const accountedSchema = z.strictObject({
  /** Of the lost time of all runs together: time between boundaries that were both observed, and its error bound. */
  share: z.number(),
  shareError: z.number(),
  /** The same share of the run in which it is smallest. */
  worst: z.number(),
  /** Runs with losses. */
  runs: z.number(),
  /** Of each link, in the order of the chain; null: not resolved. */
  links: z.array(z.strictObject({ upTo: z.enum(boundaries), medianMs: z.number().nullable() })),
});
export type Accounted = Infer<typeof accountedSchema>;

/** Undefined if no run had losses. */
export function accountedOf(measurements: readonly Measurement[]): Accounted | undefined {
  const phases = measurements
    .map((m) => m.phases)
    .map((p) => ({ ...p, totalMs: p.accountedMs + p.unexplainedMs }))
    .filter((p) => p.totalMs > 0);
  if (phases.length === 0) return undefined;
  const sum = (of: readonly number[]): number => of.reduce((a, b) => a + b, 0);
  const totalMs = sum(phases.map((p) => p.totalMs));
  return {
    share: thousandths(sum(phases.map((p) => p.accountedMs)) / totalMs),
    shareError: thousandths(sum(phases.map((p) => p.accountedErrorMs)) / totalMs),
    worst: thousandths(Math.min(...phases.map((p) => p.accountedMs / p.totalMs))),
    runs: phases.length,
    links: boundaries.flatMap((upTo) => {
      const links = phases.flatMap((p) => p.links.filter((l) => l.upTo === upTo));
      if (links.length === 0) return [];
      const lengths = links.map((l) => l.ms);
      const resolved = sum(links.map((l) => l.errorMs)) <= resolvedShare * sum(lengths);
      return [{ upTo, medianMs: resolved ? quantile(lengths, 0.5) : null }];
    }),
  };
}

const thousandths = (share: number): number => Math.round(share * 1000) / 1000;
