import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";
import { hundredths, median } from "#harness/lib/stats.ts";
import { type Boundary, boundaries, type Measurement, type Phases } from "./measurement.ts";

/** A link whose boundaries have a larger error than this share of it is not resolved. */
export const resolvedShare = 0.25;

/**
 * A cause is never later than its effect. Where stamps of a boundary contradict that by more than both errors, in more
 * than this share of the runs, its error is no bound, and no link that it begins or ends is resolved.
 */
export const contradictedShare = 0.05;

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
  /** The part of the lost time before the change of the EndpointSlice, with its error; null if that was never seen. */
  beforeAnnounced: z
    .strictObject({ share: z.number(), shareError: z.number(), resolved: z.boolean() })
    .nullable(),
  /** Boundaries with stamps later than an effect's by more than both errors: in how many runs, of those that can show it. */
  contradicted: z.array(z.strictObject({ boundary: z.enum(boundaries), runs: z.number(), of: z.number() })),
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
  const contradicted = contradictedIn(measurements);
  const links = boundaries.flatMap((upTo) => linkOf(phases.flatMap(linksUpTo(upTo)), contradicted));
  const announced = links.find((l) => l.upTo === "EndpointSlice changed");
  return {
    share: thousandths(sum(phases.map((p) => p.accountedMs)) / totalMs),
    shareError: thousandths(sum(phases.map((p) => p.accountedErrorMs)) / totalMs),
    worst: thousandths(Math.min(...phases.map((p) => p.accountedMs / p.totalMs))),
    resolved: thousandths(sum(links.filter((l) => l.medianMs !== null).map((l) => l.totalMs)) / totalMs),
    unobserved: phases.filter((p) => p.links.length === 0).length,
    runs: phases.length,
    links: links.map(({ upTo, medianMs }) => ({ upTo, medianMs })),
    beforeAnnounced:
      announced === undefined
        ? null
        : {
            share: thousandths(announced.totalMs / totalMs),
            shareError: thousandths(announced.totalErrorMs / totalMs),
            resolved: announced.medianMs !== null,
          },
    contradicted,
  };
}

/** Boundaries whose stamps some runs contradict, in the order of the chain. */
export function contradictedIn(measurements: readonly Measurement[]): Accounted["contradicted"] {
  return boundaries.flatMap((boundary) => {
    const late = measurements.flatMap(({ phases }) => isLate(phases.seen, boundary) ?? []);
    const runs = late.filter(Boolean).length;
    return runs === 0 ? [] : [{ boundary, runs, of: late.length }];
  });
}

/** Whether a stamp is later than that of an effect by more than both errors; undefined if no effect was seen. */
function isLate(seen: Phases["seen"], boundary: Boundary): boolean | undefined {
  const at = seen.findIndex((s) => s.boundary === boundary);
  const cause = seen[at];
  if (cause?.afterMs == null) return undefined;
  const { afterMs, errorMs } = cause;
  const effects = seen.slice(at + 1).flatMap((s) => (s.afterMs === null ? [] : { ...s, afterMs: s.afterMs }));
  return effects.length === 0
    ? undefined
    : effects.some((effect) => afterMs - effect.afterMs > errorMs + effect.errorMs);
}

/** Whether the error of a boundary's stamps is a bound. */
export const isBounded = (boundary: Boundary, contradicted: Accounted["contradicted"]): boolean =>
  !contradicted.some((c) => c.boundary === boundary && c.runs > contradictedShare * c.of);

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

type Link = Phases["links"][number] & { readonly from: Boundary };

const linksUpTo =
  (upTo: Boundary) =>
  ({ links, seen }: Pick<Phases, "links" | "seen">): Link[] =>
    links
      .filter((l) => l.upTo === upTo)
      .map((l) => ({ ...l, from: seen[seen.findIndex((s) => s.boundary === upTo) - 1]?.boundary ?? upTo }));

/** One link of all runs together; none if no run has it. */
function linkOf(links: readonly Link[], contradicted: Accounted["contradicted"]) {
  const [first] = links;
  if (first === undefined) return [];
  const medianMs = hundredths(median(links.map((l) => l.ms)));
  const totalErrorMs = sum(links.map((l) => l.errorMs));
  const resolved =
    isResolved(medianMs, totalErrorMs / links.length) &&
    links.every((l) => isBounded(l.from, contradicted) && isBounded(l.upTo, contradicted));
  return [
    {
      ...{ upTo: first.upTo, medianMs: resolved ? medianMs : null },
      ...{ totalMs: sum(links.map((l) => l.ms)), totalErrorMs },
    },
  ];
}

/** METHOD, rule 10: of the statistic that is published, which may be negative, and its mean error bound. */
export const isResolved = (publishedMs: number, errorMs: number): boolean =>
  errorMs <= resolvedShare * Math.abs(publishedMs);

export const mean = (of: readonly number[]): number => sum(of) / of.length;

const sum = (of: readonly number[]): number => of.reduce((a, b) => a + b, 0);

const thousandths = (share: number): number => Math.round(share * 1000) / 1000;
