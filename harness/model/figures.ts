import { z } from "zod";
import { type Distribution, distributionOf, distributionSchema } from "#harness/lib/distribution.ts";
import { found } from "#harness/lib/found.ts";
import type { Infer } from "#harness/lib/records.ts";
import { quantile } from "#harness/lib/stats.ts";
import {
  affinities,
  boundaries,
  type ConnectionFigures,
  connectionFiguresSchema,
  type Measurement,
  settingSchema,
} from "./measurement.ts";

const figureSchema = z.strictObject({
  scenario: z.string(),
  affinity: z.enum(affinities),
  method: z.number(),
  setting: settingSchema,
  runs: z.number(),
  unknown: z.number(),
  notRecovered: z.number(),
  /** Of the runs that recovered; absent if none did. Milliseconds, at the main vantage point. */
  outageMs: distributionSchema.exactOptional(),
  /** The same by target cluster. */
  byStruck: z.record(z.string(), distributionSchema),
  /** After healing, for the same clients. */
  backOutageMs: distributionSchema.exactOptional(),
  lostMedian: z.number(),
  lostMost: z.number(),
  /** Median of each link's share of the outage, in the order of the chain. */
  links: z.array(z.strictObject({ upTo: z.enum(boundaries), medianMs: z.number() })),
  /** Median over the runs with an outage: the share of it between boundaries that were both observed. */
  explainedShare: z.number().exactOptional(),
  connections: z.array(
    z.strictObject({
      kind: connectionFiguresSchema.shape.kind,
      survived: z.number(),
      reset: z.number(),
      stalled: z.number(),
      longestGapMedianMs: z.number(),
    }),
  ),
});
/** Figures of repeated measurements of one scenario. Runs that the test machine spoiled are only counted. */
export type Figure = Infer<typeof figureSchema>;

/** In the order of the scenarios' first appearance; the seed makes the bootstrap intervals reproducible. */
export function figuresOf(measurements: readonly Measurement[], seed: number): Figure[] {
  const groups = Map.groupBy(measurements, (m) =>
    JSON.stringify([m.scenario, m.affinity, m.method, m.setting]),
  );
  return [...groups.values()].map((all) => figureOf(all, seed));
}

function figureOf(all: readonly Measurement[], seed: number): Figure {
  const { scenario, affinity, method, setting } = found(all[0], "measurement in its group");
  const good = all.filter((m) => m.outcome !== "unknown");
  const recovered = good.filter((m) => m.away.recovered);
  const outages = (of: readonly Measurement[]): Distribution | undefined =>
    distributionOf(
      of.map((m) => m.away.outageMs),
      seed,
    );
  const outageMs = outages(recovered);
  const backOutageMs = distributionOf(
    good.filter((m) => m.back.recovered).map((m) => m.back.outageMs),
    seed,
  );
  const shares = recovered
    .filter((m) => m.away.outageMs > 0)
    .map((m) => m.phases.links.reduce((sum, l) => sum + l.ms, 0) / m.away.outageMs);
  const lost = good.map((m) => m.away.lost);
  const struck = [...Map.groupBy(recovered, (m) => m.struck)].sort();
  return {
    scenario,
    affinity,
    method,
    setting,
    runs: good.length,
    unknown: all.length - good.length,
    notRecovered: good.length - recovered.length,
    ...(outageMs === undefined ? {} : { outageMs }),
    byStruck: Object.fromEntries(
      struck.map(([name, of]) => [name, found(outages(of), `measurement of an outage of ${name}`)]),
    ),
    ...(backOutageMs === undefined ? {} : { backOutageMs }),
    lostMedian: lost.length === 0 ? 0 : quantile(lost, 0.5),
    lostMost: lost.length === 0 ? 0 : quantile(lost, 1),
    links: linksOf(recovered.filter((m) => m.away.outageMs > 0)),
    ...(shares.length === 0 ? {} : { explainedShare: Math.round(quantile(shares, 0.5) * 1000) / 1000 }),
    connections: connectionsOf(good),
  };
}

function linksOf(measurements: readonly Measurement[]): Figure["links"] {
  const order = [...new Set(measurements.flatMap((m) => m.phases.seen.map((s) => s.boundary)))];
  return order
    .map((upTo) => ({
      upTo,
      values: measurements.flatMap((m) => m.phases.links.filter((l) => l.upTo === upTo).map((l) => l.ms)),
    }))
    .filter(({ values }) => values.length > 0)
    .map(({ upTo, values }) => ({ upTo, medianMs: quantile(values, 0.5) }));
}

function connectionsOf(measurements: readonly Measurement[]): Figure["connections"] {
  const groups = Map.groupBy(
    measurements.flatMap((m) => m.connections),
    (c) => c.kind,
  );
  return [...groups].map(([kind, all]) => {
    const count = (fate: ConnectionFigures["fate"]): number => all.filter((c) => c.fate === fate).length;
    return {
      kind,
      survived: count("survived"),
      reset: count("reset"),
      stalled: count("stalled"),
      longestGapMedianMs: quantile(
        all.map((c) => c.longestGapMs),
        0.5,
      ),
    };
  });
}
