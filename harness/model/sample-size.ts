import type { Figure } from "./figures.ts";
import type { Affinity } from "./measurement.ts";

/** The rows that are published first, with the largest samples; all with backends that exit at once. */
const headlines: readonly (readonly [scenario: string, affinity: Affinity])[] = [
  ["scale to zero", "local"],
  ["scale to zero", "remote"],
  ["scale to zero", "none"],
  ["backends killed", "local"],
  ["backends killed", "none"],
  ["agent restart", "local"],
  ["agent restart", "remote"],
  ["rolling restart", "local"],
];

type Kind = Pick<Figure, "scenario" | "affinity" | "application">;

export const isHeadline = ({ scenario, affinity, application = "exits" }: Kind): boolean =>
  application === "exits" && headlines.some(([s, a]) => s === scenario && a === affinity);

/** A run that takes longer may be measured less often. */
const longRunMs = 60_000;

interface SampleSize {
  readonly runs: number;
  readonly labs: number;
}

const otherRows: SampleSize = { runs: 10, labs: 3 };

/** The least runs and labs of a row. */
export function leastSample(f: Kind & Pick<Figure, "runMs">): SampleSize {
  return isHeadline(f) ? { runs: 20, labs: 5 } : leastOf(f.runMs);
}

/** The least runs and labs of a row that is none of the headlines, by the milliseconds that one run takes. */
export const leastOf = (runMs: number): SampleSize => (runMs > longRunMs ? { runs: 5, labs: 2 } : otherRows);

/** Whether a row of long runs is too small a sample for a median, and shows the largest value alone. */
export const showsLargestOnly = (f: Kind & Pick<Figure, "runMs" | "runs" | "labs">): boolean =>
  !isHeadline(f) && isTooSmallForMedian(f);

/** The same for a row that is none of the headlines. */
export const isTooSmallForMedian = (f: SampleSize & Pick<Figure, "runMs">): boolean =>
  f.runMs > longRunMs && isBelow(f, otherRows);

/** What a row says if its sample is too small; undefined otherwise. */
export const tooFewRuns = (f: Kind & Pick<Figure, "runMs" | "runs" | "labs">): string | undefined =>
  tooFewOf(f, leastSample(f));

/** What a sample says that is smaller than `least`; undefined for any other. */
export const tooFewOf = (f: SampleSize, least: SampleSize): string | undefined =>
  isBelow(f, least)
    ? `too few runs (${f.runs} of ${least.runs}, from ${f.labs} of ${least.labs} labs)`
    : undefined;

const isBelow = (f: SampleSize, least: SampleSize): boolean => f.runs < least.runs || f.labs < least.labs;
