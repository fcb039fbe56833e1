import { upperBound } from "#harness/lib/binomial.ts";
import type { Distribution } from "#harness/lib/distribution.ts";
import type { MedianInterval } from "#harness/lib/median-interval.ts";
import { nearestRank, percentUp } from "#harness/lib/stats.ts";
import type { Figure, WindowFigures } from "#harness/model/figures.ts";
import type { RowBudgets } from "#harness/model/published.ts";
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
  const span = spanText(duration(Math.min(least, value)), duration(value));
  return span === duration(value) ? span : `${span} ${notOver}`;
}

/** One value where both ends read the same. */
export const spanText = (from: string, to: string): string => (from === to ? to : `${from} to ${to}`);

/** From the least to the largest value. */
export const rangeText = (values: readonly number[], text: (value: number) => string): string =>
  spanText(text(Math.min(...values)), text(Math.max(...values)));

export const largestValue = (d: Distribution): string => valueText(d, "largest");

function intervalText({ kind, low, high, coverage }: MedianInterval, d: Distribution): string {
  const least = d.atLeast?.low ?? low ?? 0;
  const most = high === null ? `≥ ${duration(d.atLeast?.high ?? 0)}` : duration(high);
  const name = kind === "bootstrap" ? "bootstrap" : `range of ${d.labs} labs`;
  return `${spanText(duration(least), most)}: ${name}, ${(coverage * 100).toFixed(coverage === 0.9375 ? 2 : 0)} %`;
}

/** The median and its interval, of which it says the kind and the coverage. */
export function medianText(d: Distribution): string {
  const interval = d.interval === undefined ? "one lab" : intervalText(d.interval, d);
  return `${valueText(d, "median")} (${interval})`;
}

/** `2 of 10 (up to 51 %)`: runs that lost a request at the main vantage point, and the share of all runs that may. */
export const lossyText = ({ lossyRuns, lossyBound, lost }: WindowFigures): string =>
  `${lossyRuns} of ${lost.count}${lossyBound >= 1 ? "" : ` (up to ${percentUp(lossyBound)} %)`}`;

/** Of a row without a loss, for texts that do not say in how many runs something was lost. */
export const noneLost = (w: WindowFigures): string | undefined =>
  w.lossyRuns > 0 ? undefined : noneLostIn(w.lost.count, ["run", "runs"]);

/** With the exact binomial bound, at 95 %, of the share that loses something all the same. */
export const noneLostIn = (n: number, [one, many]: readonly [string, string], where = ""): string =>
  `none lost in ${n} ${n === 1 ? one : many} (up to ${percentUp(upperBound(0, n))} % of ${many} may lose some${where})`;

/** The outage of a row. */
export const outageText = (f: Figure, w: WindowFigures): string =>
  w.lossyRuns === 0 ? "none lost" : showsLargestOnly(f) ? "see largest" : medianText(w.outageMs);

/** The largest value and, from 20 values on, p95, by its rank: of 20 it is the second largest. */
export function largestText(d: Distribution): string {
  const rank = ordinal(nearestRank(d.count, 0.95));
  const tail = d.p95 === undefined ? "" : `; p95 ${valueText(d, "p95")} (${rank} of ${d.count})`;
  return `${largestValue(d)}, of ${d.count}${tail}`;
}

const suffixes: Readonly<Record<string, string>> = { one: "st", two: "nd", few: "rd" };
const ordinals = new Intl.PluralRules("en", { type: "ordinal" });
const ordinal = (n: number): string => `${n}${suffixes[ordinals.select(n)] ?? "th"}`;

export const medianThenLargest = (d: Distribution): string =>
  `median ${valueText(d, "median")}, largest ${largestValue(d)}`;

/** Median and largest of losses in a window. */
export const lossOr = (f: Figure, w: WindowFigures, d: Distribution): string =>
  w.lossyRuns === 0 ? "none lost" : medianAndLargest(f, d);

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
export const withoutLab = (title: string): string => title.replaceAll(/\b\S+--(?=\S)/g, "");

/** How much of the lost time lies before Kubernetes announced the change. */
export function beforeAnnouncedText({ accounted }: Figure): string {
  if (accounted === undefined) return "no outage";
  if (accounted.beforeAnnounced === null) return "not observed";
  const { share, shareError, resolved } = accounted.beforeAnnounced;
  return `${resolved ? "" : "not resolved: "}${percent(share)} ± ${percent(shareError)}`;
}

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

/** `9 of 20 (9 of 17 decided); 3 undecided`: a run that is not decided has neither passed nor failed. */
export const failedText = ({
  failed,
  runs,
  undecided,
}: Pick<Figure, "failed" | "runs" | "undecided">): string =>
  undecided === 0
    ? `${failed} of ${runs}`
    : `${failed} of ${runs} (${failed} of ${runs - undecided} decided); ${undecided} undecided`;

/** `budget 5000 ms (0 ms for some clients), after healing 2000 ms`; undefined if no window was judged. */
export function budgetText({ awayMs, backMs }: Pick<RowBudgets, "awayMs" | "backMs">): string | undefined {
  const [away, back] = [awayMs, backMs].map(budgetsText);
  if (away === undefined) return back === undefined ? undefined : `after healing: budget ${back}`;
  return `budget ${away}${back === undefined || back === away ? "" : `, after healing ${back}`}`;
}

function budgetsText([main, ...others]: readonly number[]): string | undefined {
  if (main === undefined) return undefined;
  return others.length === 0
    ? `${main} ms`
    : `${main} ms (${others.map((ms) => `${ms} ms`).join(" or ")} for some clients)`;
}
