import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";
import { quantile } from "#harness/lib/stats.ts";
import { type Boundary, boundaries, type Measurement, type Phases } from "./measurement.ts";

/** A link whose boundaries have a larger error than this share of it is not resolved. */
export const resolvedShare = 0.25;

export const accountedSchema = z.strictObject({
  /** Of the lost time of all runs together: time between boundaries that were both observed, and its error bound. */
  share: z.number(),
  shareError: z.number(),
  /** The same share of the run in which it is smallest. */
  worst: z.number(),
  /** The part of the lost time that is in links whose boundaries are known well enough. */
  resolved: z.number(),
  /** Runs with losses, and those of them in which no link was observed. */
  unobserved: z.number(),
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
  const totalMs = sum(phases.map((p) => p.totalMs));
  const links = boundaries.flatMap((upTo) =>
    linkOf(phases.flatMap((p) => p.links.filter((l) => l.upTo === upTo))),
  );
  return {
    share: thousandths(sum(phases.map((p) => p.accountedMs)) / totalMs),
    shareError: thousandths(sum(phases.map((p) => p.accountedErrorMs)) / totalMs),
    worst: thousandths(Math.min(...phases.map((p) => p.accountedMs / p.totalMs))),
    resolved: thousandths(sum(links.filter((l) => l.medianMs !== null).map((l) => l.totalMs)) / totalMs),
    unobserved: phases.filter((p) => p.links.length === 0).length,
    runs: phases.length,
    links: links.map(({ upTo, medianMs }) => ({ upTo, medianMs })),
  };
}

/**
 * From the change of the EndpointSlice to the last loss, whatever caused it, in milliseconds; a lower bound if losses were
 * not over. Undefined if nothing was lost or the change was not seen.
 */
export function announcedOf({ phases, away }: Measurement): { value: number; errorMs: number } | undefined {
  const at = (boundary: Boundary) => phases.seen.find((s) => s.boundary === boundary);
  const announced = at("EndpointSlice changed");
  if (away.lost === 0 || announced?.afterMs == null) return undefined;
  return {
    value: (phases.stableAfterMs ?? away.windowMs) - announced.afterMs,
    errorMs: announced.errorMs + (at("traffic stable")?.errorMs ?? 0),
  };
}

/** One link of all runs together; none if no run has it. */
function linkOf(links: readonly Phases["links"][number][]) {
  const [first] = links;
  if (first === undefined) return [];
  const lengths = links.map((l) => l.ms);
  const totalMs = sum(lengths);
  const resolved = isResolved(
    lengths,
    links.map((l) => l.errorMs),
  );
  return [{ upTo: first.upTo, totalMs, medianMs: resolved ? quantile(lengths, 0.5) : null }];
}

/** METHOD, rule 10: of times and their error bounds, together. */
export const isResolved = (timesMs: readonly number[], errorsMs: readonly number[]): boolean =>
  sum(errorsMs) <= resolvedShare * sum(timesMs.map(Math.abs));

export const sum = (of: readonly number[]): number => of.reduce((a, b) => a + b, 0);

const thousandths = (share: number): number => Math.round(share * 1000) / 1000;
