import { leastForP95 } from "#harness/lib/distribution.ts";
import { recoveryMs } from "#harness/model/measurement.ts";
import type { Observation, PublishedRun, TimingTopic } from "#harness/model/timing.ts";
import { rangeText } from "#harness/report/figure-text.ts";
import { durationText, tooFewIn } from "./cells.ts";
import type { Row } from "./rows.ts";
import { topics } from "./topics.ts";

/** How the table is read, and what its data cannot say; paragraphs of Markdown. */
export function notesOf(topic: TimingTopic, rows: readonly Row[]): string[] {
  const {
    event: [event, events],
    vantage: [vantage, vantages],
  } = topics[topic];
  return [
    `n counts ${events}. What several ${vantages} saw of the same ${event} is one value: that of the ${vantage} which fared worst. Of one or two ${events} every value is shown, as a range over the ${vantages}; of more, the median. There is a p95 from ${leastForP95} ${events} on. The error is that of moments, so shares, counts and latencies have none.`,
    ...tooFewNote(rows),
    ...limitsOf(topic, rows),
  ];
}

/** What the data of each pool cannot say; with several pools they are named. */
function limitsOf(topic: TimingTopic, rows: readonly Row[]): string[] {
  const pools = Map.groupBy(rows, (r) => r.pool);
  return [...pools.values()].flatMap((pool) => {
    const observations = pool.flatMap((r) => r.events.flatMap((e) => e.observations));
    const notes = [
      ...(topic === "dead-cluster" ? toldApartNotes(observations) : []),
      ...(topic === "fresh-node" ? freshNodeNotes(observations) : []),
    ];
    const of = pool[0]?.run;
    return pools.size === 1 || of === undefined
      ? notes
      : notes.map((note) => `Cilium ${of.cilium}, run ${of.runId}: ${note}`);
  });
}

function tooFewNote(rows: readonly Row[]): string[] {
  const tooFew = rows.filter((r) => tooFewIn(r) !== undefined).length;
  if (tooFew === 0) return [];
  const which = tooFew === rows.length ? "every row" : `${tooFew} of ${rows.length} rows, which say so,`;
  return [
    `**Too few runs**: ${which} ${tooFew === rows.length || tooFew === 1 ? "has" : "have"} a smaller sample than a published figure needs: 10 from 3 labs, or 5 from 2 labs where one takes over a minute. The figures describe these labs, and no others.`,
  ];
}

const ofTtl = /^affinity \w+, cacheTTL (\w+): last request/;

/** Where clients of cacheTTL 0s were watched for less time than they lost requests with another one. */
function toldApartNotes(observations: readonly Observation[]): string[] {
  const timed = observations.flatMap((o) => {
    const [, ttl] = ofTtl.exec(o.what) ?? [];
    return ttl === undefined ? [] : { ttl, o };
  });
  const open = timed.filter(({ ttl, o }) => ttl === "0s" && o.value === null);
  if (open.length === 0) return [];
  const watchedMs = Math.min(...open.map(({ o }) => o.watchedMs));
  const longer = timed.filter(({ ttl, o }) => ttl !== "0s" && o.value !== null && o.value > watchedMs);
  return [...Map.groupBy(longer, ({ ttl }) => ttl)].map(([ttl, of]) => {
    const values = of.flatMap(({ o }) => o.value ?? []);
    return `**This data does not tell cacheTTL 0s and ${ttl} apart.** With 0s the clients were watched for ${durationText(watchedMs)}; with ${ttl} they lost requests for ${rangeText(values, durationText)}, so up to the end of that watch the two look alike.`;
  });
}

const eventTimes = ({ value, watchedMs, evidence }: Observation) => {
  const firstMs = evidence?.firstRequestMs;
  return firstMs == null ? [] : { value, firstMs, watchedMs: watchedMs - firstMs, sent: evidence?.sent ?? 0 };
};

function freshNodeNotes(observations: readonly Observation[]): string[] {
  const ofWhole = observations.filter((o) => o.what.startsWith("from Ready")).flatMap(eventTimes);
  const shares = ofWhole.flatMap(({ value, firstMs }) => (value === null ? [] : firstMs / value));
  const seen = observations.filter((o) => o.unit === "requests").flatMap(eventTimes);
  const watchedMs = Math.min(...seen.map((s) => s.watchedMs));
  const sent = seen.map((s) => s.sent);
  return [
    ...(shares.length === 0
      ? []
      : [
          `The mesh's part comes first. Of the time from Ready on, at least ${(Math.floor(Math.min(...shares) * 1000) / 10).toFixed(1)} % passed before the pod's first request: the pod was scheduled and started.`,
        ]),
    ...(seen.length === 0 || watchedMs >= recoveryMs
      ? []
      : [
          `**Lost requests were hardly watched for**: for ${durationText(watchedMs)} from a pod's first request on, ${Math.min(...sent)} to ${Math.max(...sent)} requests a service. What a pod loses later was not seen; recovered means ${recoveryMs / 1000} s without a loss.`,
        ]),
  ];
}

/** Tests that failed, whose figures count, and tests that the test machine spoiled. */
export const failureNotes = (topic: TimingTopic, runs: readonly PublishedRun[]): string[] =>
  runs.flatMap((r) => [
    ...r.failed
      .filter((f) => f.startsWith(`${topic} > `))
      .map((f) => `- ${r.runId}: failed, its figures count: ${f}`),
    ...r.spoiled
      .filter((f) => f.startsWith(`${topic} > `))
      .map((f) => `- ${r.runId}: spoiled by the test machine, left out: ${f}`),
  ]);
