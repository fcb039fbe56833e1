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

/**
 * A statistic of a distribution. Where losses of some runs were not over at the end of their window, it lies between
 * what their lower bounds give and what values without an end would give.
 */
function valueText(d: Distribution, which: "median" | "p95" | "largest"): string {
  const value = d[which] ?? null;
  const least = d.atLeast?.[which];
  if (least === undefined) return duration(value ?? 0);
  const notOver = `[${d.censored} of ${d.count} not over]`;
  if (value === null) return `≥ ${duration(least)} ${notOver}`;
  return least < value ? `${duration(least)} to ${duration(value)} ${notOver}` : duration(value);
}

export const largestValue = (d: Distribution): string => valueText(d, "largest");

function intervalText({ kind, low, high, coverage }: MedianInterval, d: Distribution): string {
  const least = d.atLeast?.low ?? low ?? 0;
  const most = high === null ? `≥ ${duration(d.atLeast?.high ?? 0)}` : duration(high);
  const name = kind === "bootstrap" ? "bootstrap" : `range of ${d.labs} labs`;
  return `${duration(least)} to ${most}: ${name}, ${(coverage * 100).toFixed(coverage === 0.9375 ? 2 : 0)} %`;
}

/** The median and its interval, of which it says the kind and the coverage. */
export function medianText(d: Distribution): string {
  const interval = d.interval === undefined ? "one lab" : intervalText(d.interval, d);
  return `${valueText(d, "median")} (${interval})`;
}

/** `none lost in 20 runs`, with the share of runs that may lose requests nevertheless. */
export function noneLost(w: WindowFigures): string | undefined {
  return w.lossyBound === undefined
    ? undefined
    : `none lost in ${w.lost.count} runs (up to ${percent(w.lossyBound)} of runs may lose some)`;
}

/** The outage of a row. */
export function outageText(f: Figure, w: WindowFigures): string {
  return noneLost(w) ?? (showsLargestOnly(f) ? "see largest" : medianText(w.outageMs));
}

/** The largest value and, from 20 values on, p95. */
export function largestText(d: Distribution): string {
  const tail = d.p95 === undefined ? "" : `; p95 ${valueText(d, "p95")}`;
  return `${largestValue(d)}, of ${d.count}${tail}`;
}

export const medianThenLargest = (d: Distribution): string =>
  `median ${valueText(d, "median")}, largest ${largestValue(d)}`;

/** `430 ms (512 ms)`, or only the largest where the sample is too small for a median. */
export function medianAndLargest(f: Figure, d: Distribution): string {
  const largest = largestValue(d);
  return showsLargestOnly(f) ? `largest ${largest}` : `${valueText(d, "median")} (${largest})`;
}

/** The outage at the worst vantage point of each run, where it was longest, and the same of the lost time. */
export function worstText(f: Figure, { worst, worstLostTime }: WindowFigures): string {
  if (worst.ms.largest === 0) return "none lost";
  const text = ({ ms, title }: WindowFigures["worst"]): string =>
    `${medianAndLargest(f, ms)}, ${withoutLab(title)}`;
  return `outage ${text(worst)}; lost time ${text(worstLostTime)}`;
}

/** Nodes are named `<lab>--<cluster>-<role>`; labs of a campaign have generated names. */
const withoutLab = (title: string): string => title.replaceAll(/\b\S+--(?=\S)/g, "");

/** How long losses went on after Kubernetes had announced the change; METHOD, rule 10, for its error. */
export function sinceAnnouncedText(f: Figure): string {
  const lossy = f.away?.lossyRuns ?? 0;
  if (f.sinceAnnounced === undefined) return lossy === 0 ? "no outage" : "not observed";
  const { ms, errorMs, resolved } = f.sinceAnnounced;
  const some = ms.count === lossy ? "" : `, seen in ${ms.count} of ${lossy} runs`;
  return `${resolved ? "" : "not resolved: "}${medianAndLargest(f, ms)} ± ${duration(errorMs)}${some}`;
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
