import { nearestRank } from "#harness/lib/stats.ts";
import { isTooSmallForMedian, leastOf, tooFewOf } from "#harness/model/sample-size.ts";
import { errorBoundMs, type Observation, type TimingTopic } from "#harness/model/timing.ts";
import { noneLostIn, spanText } from "#harness/report/figure-text.ts";
import type { Row } from "./rows.ts";
import { topics } from "./topics.ts";

export const columns = [
  "Cilium",
  "what",
  "n",
  "labs",
  "not seen",
  "median, or both",
  "p95",
  "largest",
  "error at most",
  "lab",
] as const;

export const durationText = (ms: number): string =>
  Math.abs(ms) >= 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms)} ms`;

const valueText = (value: number, unit: Observation["unit"]): string =>
  unit === "share"
    ? `${Math.round(value * 100)} %`
    : unit === "requests"
      ? String(value)
      : durationText(value);

/** A statistic of a row; one that is decided by what did not happen reads `> 20 s (not seen)`. */
function statistic({ unit, events }: Pick<Row, "unit" | "events">, value: number): string {
  if (Number.isFinite(value)) return valueText(value, unit);
  const open = events.flatMap((e) => e.observations).filter((o) => o.value === null);
  const watchedMs = Math.min(...open.map((o) => o.watchedMs));
  return unit === "ms" ? `> ${durationText(watchedMs)} (not seen)` : "not seen";
}

/** Rule 5: too few events, by how long one is watched. */
export const tooFewIn = ({ events, labs, runMs }: Row): string | undefined =>
  tooFewOf({ runs: events.length, labs }, leastOf(runMs));

function sampleText(topic: TimingTopic, row: Row): string {
  const { event, vantage } = topics[topic];
  const counted = (n: number | string, [one, many]: typeof event): string => `${n} ${n === 1 ? one : many}`;
  const n = row.events.length;
  const [least, most] = row.vantages;
  const each = spanText(`${least}`, `${most}`);
  return [
    `${counted(n, event)}${most === 1 ? "" : `, ${counted(each, vantage)} each`}`,
    ...[tooFewIn(row) ?? []].flat(),
  ].join("; ");
}

/** Events of one lab are not independent, so they bound nothing beyond it. */
function noneLostText(topic: TimingTopic, { events: { length: n }, labs }: Row): string {
  const where = labs < n ? `, in ${labs === 1 ? "this lab" : "these labs"}` : "";
  return noneLostIn(n, topics[topic].event, where);
}

function middleText(topic: TimingTopic, row: Row): string {
  if (row.noneLost) return noneLostText(topic, row);
  const n = row.events.length;
  if (n <= 2)
    return row.events
      .map((event) => {
        const of = { unit: row.unit, events: [event] };
        return spanText(statistic(of, event.best), statistic(of, event.worst));
      })
      .join("; ");
  return isTooSmallForMedian({ runs: n, labs: row.labs, runMs: row.runMs })
    ? "see largest"
    : statistic(row, row.median);
}

function tailText(row: Row): string {
  if (row.noneLost) return "–";
  const n = row.events.length;
  if (row.p95 === undefined) return `${row.smallestIsWorst ? "smallest" : "largest"} of ${n}`;
  return `${statistic(row, row.p95)} (rank ${nearestRank(n, 0.95)} of ${n})`;
}

/** Of moments only; rounded up, as a bound. */
function errorText({ unit, what, events, noneLost }: Row): string {
  if (unit !== "ms" || noneLost || /\blatency\b/.test(what)) return "–";
  const ms = Math.max(...events.flatMap((e) => e.observations).map(errorBoundMs));
  return ms < 100 ? `${(Math.ceil(ms * 10) / 10).toFixed(1)} ms` : `${Math.ceil(ms)} ms`;
}

/** The cells of a row, by column. */
export const cellsOf = (topic: TimingTopic, row: Row): string[] => [
  row.run.cilium,
  row.what,
  sampleText(topic, row),
  String(row.labs),
  String(row.notSeen),
  middleText(topic, row),
  tailText(row),
  row.noneLost ? "–" : statistic(row, row.worst),
  errorText(row),
  `${row.run.lab}, ${row.tuned ? "tuned" : "untuned"}`,
];
