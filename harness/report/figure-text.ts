import type { Distribution } from "#harness/lib/distribution.ts";
import type { MedianInterval } from "#harness/lib/median-interval.ts";
import type { Figure, WindowFigures } from "#harness/model/figures.ts";
import { showsLargestOnly } from "#harness/model/sample-size.ts";

/** Words for figures, the same in tables, pages and on the terminal. */

export function duration(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms < 10 ? Number(ms.toFixed(1)) : Math.round(ms)} ms`;
}

export const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** What became of a window's longest spans if losses were not over at its end. */
export const notOver = {
  away: "not restored before the fault was removed",
  back: "not over at the end of the measurement",
} as const;
export type Window = keyof typeof notOver;

/** A statistic of a distribution; where lower bounds decide it, what it is at least. */
function valueText(d: Distribution, which: "median" | "p95" | "largest", window: Window): string {
  const value = d[which] ?? null;
  return value === null ? `> ${duration(d.atLeast?.[which] ?? 0)} (${notOver[window]})` : duration(value);
}

export const largestValue = (d: Distribution, window: Window): string => valueText(d, "largest", window);

function intervalText({ kind, low, high, coverage }: MedianInterval, d: Distribution): string {
  const end = (value: number | null, least: number | undefined): string =>
    value === null ? `> ${duration(least ?? 0)}` : duration(value);
  const name = kind === "bootstrap" ? "bootstrap" : `range of ${d.labs} labs`;
  return `${end(low, d.atLeast?.low)} to ${end(high, d.atLeast?.high)}: ${name}, ${(coverage * 100).toFixed(coverage === 0.9375 ? 2 : 0)} %`;
}

/** The median and its interval, of which it says the kind and the coverage. */
export function medianText(d: Distribution, window: Window): string {
  const interval = d.interval === undefined ? "one lab" : intervalText(d.interval, d);
  return `${valueText(d, "median", window)} (${interval})`;
}

/** `none lost in 20 runs`, with the share of runs that may lose requests nevertheless. */
export function noneLost(w: WindowFigures): string | undefined {
  return w.lossyBound === undefined
    ? undefined
    : `none lost in ${w.lost.count} runs (up to ${percent(w.lossyBound)} of runs may lose some)`;
}

/** The outage of a row. */
export function outageText(f: Figure, w: WindowFigures): string {
  return noneLost(w) ?? (showsLargestOnly(f) ? "see largest" : medianText(w.outageMs, "away"));
}

/** The largest value and, from 20 values on, p95. */
export function largestText(d: Distribution, window: Window): string {
  const tail = d.p95 === undefined ? "" : `; p95 ${valueText(d, "p95", window)}`;
  return `${largestValue(d, window)}, of ${d.count}${tail}`;
}

export const medianThenLargest = (d: Distribution, window: Window): string =>
  `median ${valueText(d, "median", window)}, largest ${largestValue(d, window)}`;

/** `430 ms (512 ms)`, or only the largest where the sample is too small for a median. */
export function medianAndLargest(f: Figure, d: Distribution, window: Window): string {
  const largest = largestValue(d, window);
  return showsLargestOnly(f) ? `largest ${largest}` : `${valueText(d, "median", window)} (${largest})`;
}

/** The outage at the worst vantage point of each run, where it was longest, and the same of the lost time. */
export function worstText(f: Figure, { worst, worstLostTime }: WindowFigures, window: Window): string {
  if (worst.ms.largest === 0) return "none lost";
  const text = ({ ms, title }: WindowFigures["worst"]): string => {
    const largest = `${largestValue(ms, window)}: ${withoutLab(title)}`;
    return showsLargestOnly(f) ? `largest ${largest}` : `${valueText(ms, "median", window)} (${largest})`;
  };
  return `outage ${text(worst)}; lost time ${text(worstLostTime)}`;
}

/** Nodes are named `<lab>--<cluster>-<role>`; labs of a campaign have generated names. */
const withoutLab = (title: string): string => title.replaceAll(/\b\S+--(?=\S)/g, "");

/** How long losses went on after Kubernetes had announced the change. */
export function sinceAnnouncedText(f: Figure): string {
  const d = f.sinceAnnounced;
  if (d === undefined) return f.away?.lossyRuns === 0 ? "no outage" : "not observed";
  const some = d.count === f.away?.lossyRuns ? "" : `, seen in ${d.count} of ${f.away?.lossyRuns ?? 0} runs`;
  return `${medianAndLargest(f, d, "away")}${some}`;
}

/** Median and largest of counts, which are never censored. */
export const counts = (f: Figure, { median, largest }: Distribution): string =>
  showsLargestOnly(f) ? `largest ${largest ?? 0}` : `${median ?? 0} (${largest ?? 0})`;

/** The share of the outages between boundaries that were both observed. */
export function accountedText({ accounted }: Figure): string {
  if (accounted === undefined) return "no outage";
  const { share, shareError, worst, resolved, unobserved, runs } = accounted;
  if (unobserved === runs) return "not observed";
  const without = unobserved === 0 ? "" : `, ${unobserved} of ${runs} runs without a link`;
  return `${percent(share)} ± ${percent(shareError)}, worst run ${percent(worst)}; resolved ${percent(resolved)}${without}`;
}
