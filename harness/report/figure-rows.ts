import type { Distribution } from "#harness/lib/distribution.ts";
import { type Figure, figuresOf } from "#harness/model/figures.ts";
import type { Published, Row } from "#harness/model/published.ts";
import { isHeadline, tooFewRuns } from "#harness/model/sample-size.ts";
import {
  accountedText,
  duration,
  largestText,
  largestValue,
  medianAndLargest,
  noneLost,
  outageText,
  type Window,
} from "./figure-text.ts";
import { bootstrapSeed } from "./measurements-html.ts";

/** The rows of a version, headline rows first. */
export function rowsOf(published: Published): { readonly row: Row; readonly figure: Figure }[] {
  const figures = figuresOf(published.measurements, bootstrapSeed);
  return [...figures.filter(isHeadline), ...figures.filter((f) => !isHeadline(f))].map((figure) => ({
    row: rowOf(figure, published),
    figure,
  }));
}

function rowOf(f: Figure, { cilium, spoiled }: Published): Row {
  const { away, back } = f;
  const left = spoiled.filter(
    (s) =>
      s.scenario === f.scenario &&
      s.affinity === f.affinity &&
      s.tuned === f.tuned &&
      s.application === f.application,
  ).length;
  return {
    Cilium: cilium,
    lab: f.tuned === true ? "tuned" : "untuned",
    "what happens": f.scenario,
    affinity: f.affinity,
    application: f.application ?? "",
    n: [
      `${f.runs} from ${f.labs} lab${f.labs === 1 ? "" : "s"}`,
      ...(left === 0 ? [] : [`${left} more spoiled by the test machine`]),
      ...[tooFewRuns(f) ?? []].flat(),
    ].join("; "),
    "failed of n": `${f.failed} of ${f.runs}`,
    "outage, median (interval)": away === undefined ? "" : outageText(f, away),
    largest: away === undefined ? "" : largestText(away.outageMs, "away"),
    "lost time, median (largest)": away === undefined ? "" : medianAndLargest(away.lostTimeMs, "away"),
    "worst vantage point": away === undefined ? "" : worst(away, "away"),
    "slow answers": away === undefined ? "" : counts(away.slow),
    "after healing, median (largest)":
      back === undefined ? "" : (noneLost(back) ?? medianAndLargest(back.outageMs, "back")),
    "worst vantage point after healing": back === undefined ? "" : worst(back, "back"),
    "held for": f.heldForMs === undefined ? "" : held(f.heldForMs),
    "accounted for": accountedText(f),
  };
}

const worst = (of: { readonly worst: Distribution; readonly worstTitle: string }, window: Window): string =>
  of.worst.largest === 0 ? "none lost" : `${largestValue(of.worst, window)}: ${of.worstTitle}`;

/** Median and largest number of requests; neither is ever censored. */
const counts = ({ median, largest }: Distribution): string => `${median ?? 0} (${largest ?? 0})`;

const held = ({ median, largest }: Distribution): string =>
  `${duration(median ?? 0)} (at most ${duration(largest ?? 0)})`;
