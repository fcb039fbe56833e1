import { z } from "zod";
import { upperBound } from "#harness/lib/binomial.ts";
import { type Distribution, distributionOf, distributionSchema } from "#harness/lib/distribution.ts";
import { found } from "#harness/lib/found.ts";
import { given } from "#harness/lib/given.ts";
import type { Infer } from "#harness/lib/records.ts";
import { hundredths, median } from "#harness/lib/stats.ts";
import { applications } from "./application.ts";
import { connectionsOf, connectionsSchema } from "./figures-connections.ts";
import {
  accountedOf,
  accountedSchema,
  announcedOf,
  contradictedIn,
  isBounded,
  isResolved,
  mean,
} from "./figures-links.ts";
import {
  affinities,
  type Disturbance,
  givesFigures,
  type Measurement,
  quietBeforeMs,
  settingSchema,
} from "./measurement.ts";

/** From the EndpointSlice's change to stable traffic; the error is the mean of the runs' bounds. */
const sinceAnnouncedSchema = z.strictObject({
  ms: distributionSchema,
  errorMs: z.number(),
  resolved: z.boolean(),
});

const worstSchema = z.strictObject({ ms: distributionSchema, title: z.string() });

/** What clients saw in one window of each run, by vantage point. Failed and unrecovered runs are included. */
const windowSchema = z.strictObject({
  /** Milliseconds at the main vantage point: the span of the losses, the time lost in it, and its longest gap. */
  outageMs: distributionSchema,
  lostTimeMs: distributionSchema,
  longestGapMs: distributionSchema,
  lost: distributionSchema,
  bursts: distributionSchema,
  slow: distributionSchema,
  /** Lost requests of all runs together, by kind. */
  lossOutcomes: z.record(z.string(), z.number()),
  /** Length of the window. */
  windowMs: distributionSchema,
  /** When the first and the last lost request were sent, of the runs that lost one. */
  firstLossMs: distributionSchema.exactOptional(),
  lastLossMs: distributionSchema.exactOptional(),
  /** Of the latency of the answered requests; absent if none was answered. */
  latencyP50Ms: distributionSchema.exactOptional(),
  latencyP99Ms: distributionSchema.exactOptional(),
  latencyP999Ms: distributionSchema.exactOptional(),
  latencyMaxMs: distributionSchema.exactOptional(),
  /** Runs that lost a request at the main vantage point. */
  lossyRuns: z.number(),
  /** The share of all runs that may lose requests, at most: exact, with 95 % confidence if runs are independent. */
  lossyBound: z.number(),
  /** At each run's worst vantage point, the main one included, and which was the worst of all runs. */
  worst: worstSchema,
  worstLostTime: worstSchema,
});
export type WindowFigures = Infer<typeof windowSchema>;

const figureSchema = z.strictObject({
  /** What its measurements have in common, as `poolOf` returns it. */
  pool: z.string(),
  scenario: z.string(),
  affinity: z.enum(affinities),
  application: z.enum(applications).exactOptional(),
  tuned: z.boolean().exactOptional(),
  method: z.number(),
  setting: settingSchema,
  settingHash: z.string().exactOptional(),
  sourceHash: z.string().exactOptional(),
  runs: z.number(),
  labs: z.number(),
  /** The fewest and the most runs of a lab. */
  runsOfLab: z.tuple([z.number(), z.number()]),
  failed: z.number(),
  /** Runs with figures and without a verdict, because Kubernetes itself was slow. */
  undecided: z.number(),
  /** Runs that the test machine spoiled; they give no figure. */
  unknown: z.number(),
  away: windowSchema.exactOptional(),
  back: windowSchema.exactOptional(),
  /** The outage by target cluster. */
  byStruck: z.record(z.string(), distributionSchema),
  /** Before the fault, at the main vantage point. */
  lossyBefore: z.number(),
  beforeSlow: distributionSchema.exactOptional(),
  beforeP50Ms: distributionSchema.exactOptional(),
  beforeP99Ms: distributionSchema.exactOptional(),
  beforeP999Ms: distributionSchema.exactOptional(),
  beforeMaxMs: distributionSchema.exactOptional(),
  heldForMs: distributionSchema.exactOptional(),
  /** The median length of a run, from the last wait for quiet traffic to the end of its last window. */
  runMs: z.number(),
  /** The fastest and the slowest time of the calibration task. */
  calibrationMs: z.tuple([z.number(), z.number()]).exactOptional(),
  accounted: accountedSchema.exactOptional(),
  /** From the last ready endpoint's removal in Kubernetes to stable traffic, at the main vantage point. */
  sinceAnnounced: sinceAnnouncedSchema.exactOptional(),
  connections: connectionsSchema,
});
/** Figures of repeated measurements of one scenario in one setting, by the same sources. */
export type Figure = Infer<typeof figureSchema>;

/** Measurements are pooled only where all of these are equal. */
export const poolOf = (m: Measurement): string =>
  JSON.stringify([
    m.scenario,
    m.affinity,
    m.application ?? null,
    m.tuned ?? null,
    m.method,
    m.setting,
    m.settingHash ?? null,
    m.sourceHash ?? null,
  ]);

/** A run without a lab's name belongs to the lab of its run. */
export const labOf = (m: Measurement): string => m.lab ?? `lab of ${m.runId}`;

/** In the order of the scenarios' first appearance; the seed makes the bootstrap intervals reproducible. */
export function figuresOf(measurements: readonly Measurement[], seed: number): Figure[] {
  return [...Map.groupBy(measurements, poolOf).values()].map((all) => figureOf(all, seed));
}

function figureOf(all: readonly Measurement[], seed: number): Figure {
  const first = found(all[0], "measurement in its group");
  const good = all.filter(givesFigures);
  const perLab = [...Map.groupBy(good, labOf).values()].map((of) => of.length);
  const calibrations = good.flatMap((m) => m.calibrationMs ?? []);
  const outageOf = (of: readonly Measurement[]): Distribution =>
    found(windowOf(of, "away", seed), "measurement of a target cluster").outageMs;
  return {
    ...identity(first),
    runs: good.length,
    labs: perLab.length,
    runsOfLab: perLab.length === 0 ? [0, 0] : [Math.min(...perLab), Math.max(...perLab)],
    failed: good.filter((m) => m.outcome === "fail").length,
    undecided: good.filter((m) => m.outcome === "unknown").length,
    unknown: all.length - good.length,
    ...given({ away: windowOf(good, "away", seed), back: windowOf(good, "back", seed) }),
    byStruck: Object.fromEntries(
      [...Map.groupBy(good, (m) => m.struck)].sort().map(([name, of]) => [name, outageOf(of)]),
    ),
    lossyBefore: good.filter((m) => m.before.lost > 0).length,
    ...given({
      beforeSlow: plain(good, (m) => m.before.slow, seed),
      beforeP50Ms: plain(good, (m) => m.before.latency?.p50Ms, seed),
      beforeP99Ms: plain(good, (m) => m.before.latency?.p99Ms, seed),
      beforeP999Ms: plain(good, (m) => m.before.latency?.p999Ms, seed),
      beforeMaxMs: plain(good, (m) => m.before.latency?.maxMs, seed),
      heldForMs: plain(good, (m) => m.heldForMs, seed),
    }),
    runMs: good.length === 0 ? 0 : median(good.map(runMsOf)),
    ...(calibrations.length === 0
      ? {}
      : { calibrationMs: [Math.min(...calibrations), Math.max(...calibrations)] as const }),
    ...given({
      accounted: accountedOf(good),
      sinceAnnounced: sinceAnnouncedOf(good, seed),
    }),
    connections: connectionsOf(good),
  };
}

const identity = (m: Measurement) => ({
  pool: poolOf(m),
  scenario: m.scenario,
  affinity: m.affinity,
  method: m.method,
  setting: m.setting,
  ...given({
    application: m.application,
    tuned: m.tuned,
    settingHash: m.settingHash,
    sourceHash: m.sourceHash,
  }),
});

const runMsOf = (m: Measurement): number => quietBeforeMs + m.away.windowMs + m.back.windowMs;

function windowOf(
  measurements: readonly Measurement[],
  window: "away" | "back",
  seed: number,
): WindowFigures | undefined {
  if (measurements.length === 0) return undefined;
  const of = (value: (d: Disturbance) => number, mayBeCensored = false): Distribution =>
    found(
      distributionOf(
        measurements.map((m) => ({
          value: value(m[window]),
          censored: mayBeCensored && isCensored(m[window]),
          lab: labOf(m),
        })),
        seed,
      ),
      "value of a group",
    );
  const lossyRuns = measurements.filter((m) => m[window].lost > 0).length;
  return {
    outageMs: of((d) => d.outageMs, true),
    lostTimeMs: of((d) => d.lostTimeMs, true),
    longestGapMs: of((d) => d.longestGapMs, true),
    lost: of((d) => d.lost),
    bursts: of((d) => d.bursts),
    slow: of((d) => d.slow),
    windowMs: of((d) => d.windowMs),
    lossOutcomes: summed(measurements.map((m) => m[window].lossOutcomes)),
    ...given({
      firstLossMs: plain(measurements, (m) => m[window].firstLossMs ?? undefined, seed),
      lastLossMs: plain(
        measurements,
        (m) => m[window].lastLossMs ?? undefined,
        seed,
        (m) => isCensored(m[window]),
      ),
      latencyP50Ms: plain(measurements, (m) => m[window].latency?.p50Ms, seed),
      latencyP99Ms: plain(measurements, (m) => m[window].latency?.p99Ms, seed),
      latencyP999Ms: plain(measurements, (m) => m[window].latency?.p999Ms, seed),
      latencyMaxMs: plain(measurements, (m) => m[window].latency?.maxMs, seed),
    }),
    lossyRuns,
    lossyBound: upperBound(lossyRuns, measurements.length),
    worst: worstOf(measurements, window, (d) => d.outageMs, seed),
    worstLostTime: worstOf(measurements, window, (d) => d.lostTimeMs, seed),
  };
}

function summed(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [kind, count] of all.flatMap((of) => Object.entries(of))) sums[kind] = (sums[kind] ?? 0) + count;
  return sums;
}

const mainTitle = "the main vantage point";

/**
 * Of each run the vantage point with the largest value. One whose losses were not over could be the worst, whatever it
 * has seen: the largest is a lower bound then.
 */
function worstOf(
  measurements: readonly Measurement[],
  window: "away" | "back",
  value: (d: Disturbance) => number,
  seed: number,
): WindowFigures["worst"] {
  const worst = measurements.map((m) => {
    const points = [
      { title: mainTitle, seen: m[window] },
      ...m.others.map((o) => ({ title: o.title, seen: window === "away" ? o : o.back })),
    ].map(({ title, seen }) => ({ title, value: value(seen), censored: isCensored(seen), lab: labOf(m) }));
    return { ...points.reduce(longer), censored: points.some((p) => p.censored) };
  });
  return {
    ms: found(distributionOf(worst, seed), "worst vantage point"),
    title: worst.reduce(longer).title,
  };
}

const longer = <T extends { readonly value: number }>(a: T, b: T): T => (b.value > a.value ? b : a);

/** Of the runs that lost a request and in which the change was seen. */
function sinceAnnouncedOf(measurements: readonly Measurement[], seed: number): Figure["sinceAnnounced"] {
  const seen = measurements.flatMap((m) => {
    const of = announcedOf(m);
    return of === undefined ? [] : [{ ...of, censored: isCensored(m.away), lab: labOf(m) }];
  });
  const ms = distributionOf(seen, seed);
  if (ms === undefined) return undefined;
  const errorMs = hundredths(mean(seen.map((s) => s.errorMs)));
  const contradicted = contradictedIn(measurements);
  return {
    ms,
    errorMs,
    resolved:
      isResolved(ms.atLeast?.median ?? ms.median ?? 0, errorMs) &&
      isBounded("EndpointSlice changed", contradicted) &&
      isBounded("traffic stable", contradicted),
  };
}

/** Losses were not over when the window ended, so that a span is only a lower bound. */
export const isCensored = (d: Pick<Disturbance, "censored" | "recovered" | "lost">): boolean =>
  d.censored || (!d.recovered && d.lost > 0);

/** The distribution of values that some runs may lack. */
function plain(
  measurements: readonly Measurement[],
  value: (m: Measurement) => number | undefined,
  seed: number,
  censored: (m: Measurement) => boolean = () => false,
): Distribution | undefined {
  return distributionOf(
    measurements.flatMap((m) => {
      const of = value(m);
      return of === undefined ? [] : [{ value: of, censored: censored(m), lab: labOf(m) }];
    }),
    seed,
  );
}
