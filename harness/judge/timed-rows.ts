import { leastForP95 } from "#harness/lib/distribution.ts";
import { median, quantile } from "#harness/lib/stats.ts";
import type { Observation } from "#harness/model/timing.ts";

/** One change, with what each vantage point saw of it. */
interface TimedEvent {
  readonly observations: readonly Observation[];
  /**
   * The values of the vantage points that fared best and worst, in the observations' unit; infinite if it did not happen
   * while it was watched.
   */
  readonly best: number;
  readonly worst: number;
}

/** What was seen under one name: METHOD counts changes, not the vantage points that saw the same one. */
export interface TimedRow {
  readonly unit: Observation["unit"];
  /** Of a share of the load the smallest value is the worst; of everything else the largest. */
  readonly smallestIsWorst: boolean;
  readonly events: readonly TimedEvent[];
  /** The least and the most vantage points of an event. */
  readonly vantages: readonly [number, number];
  /** Events that some vantage point did not see. */
  readonly notSeen: number;
  /** Of each event's worst value; infinite if that did not happen. */
  readonly median: number;
  /** Absent below 20 events, of which it would be the worst. */
  readonly p95?: number;
  readonly worst: number;
  /** Whether requests are counted, and no event lost one. */
  readonly noneLost: boolean;
}

/**
 * The observations of one test by the change that they saw. A round may hold several changes of one name, which differ in
 * the time of their write.
 */
export const eventsOf = (observations: readonly Observation[]): Observation[][] => [
  ...Map.groupBy(observations, ({ of, round, evidence }) =>
    JSON.stringify([of, round, evidence?.writeBegunMs, evidence?.eventMs]),
  ).values(),
];

const isShareOfLoad = ({ unit, what }: Observation): boolean =>
  unit === "share" && what.startsWith("share of the load");

/** Observations of one name, grouped by event (`eventsOf`). Throws without any. */
export function timedRow(events: readonly (readonly Observation[])[]): TimedRow {
  const all = events.flat();
  const [first] = all;
  if (first === undefined) throw new RangeError("a row of no observations");
  const smallestIsWorst = isShareOfLoad(first);
  const sign = smallestIsWorst ? -1 : 1;
  const seen = events.map((observations) => {
    const badness = observations.map((o) => (o.value === null ? Number.POSITIVE_INFINITY : sign * o.value));
    return { observations, best: sign * Math.min(...badness), worst: sign * Math.max(...badness) };
  });
  const worsts = seen.map((e) => sign * e.worst);
  const vantages = events.map((e) => e.length);
  return {
    unit: first.unit,
    smallestIsWorst,
    events: seen,
    vantages: [Math.min(...vantages), Math.max(...vantages)],
    notSeen: events.filter((e) => e.some((o) => o.value === null)).length,
    median: sign * median(worsts),
    ...(events.length < leastForP95 ? {} : { p95: sign * quantile(worsts, 0.95) }),
    worst: sign * Math.max(...worsts),
    noneLost: all.every(lostNothing),
  };
}

const lostNothing = ({ unit, value, evidence }: Observation): boolean =>
  unit === "requests" ? value === 0 : evidence?.lost === 0;

/**
 * Figures of a report, by their name: `n` counts changes; of one or two both values, of more the median, from 20 on p95;
 * the worst, and how many did not happen.
 */
export function figuresOfTimes(observations: readonly Observation[]): Record<string, number | string> {
  const facts: Record<string, number | string> = {};
  for (const [what, group] of Map.groupBy(observations, (o) => `${o.what} (${o.unit})`)) {
    const { events, median: middle, p95, worst, smallestIsWorst, notSeen } = timedRow(eventsOf(group));
    const keep = (name: string, value: number | undefined): void => {
      if (value !== undefined && Number.isFinite(value)) facts[`${what}: ${name}`] = value;
    };
    keep("n", events.length);
    if (events.length < group.length) keep("observations", group.length);
    if (notSeen > 0) keep("not seen", notSeen);
    if (events.length > 2) keep("median", middle);
    else if (events.length === 2)
      facts[`${what}: both`] = events
        .map((e) => (Number.isFinite(e.worst) ? `${e.worst}` : "not seen"))
        .join(" and ");
    keep("p95", p95);
    keep(smallestIsWorst ? "smallest" : "largest", worst);
  }
  return facts;
}
