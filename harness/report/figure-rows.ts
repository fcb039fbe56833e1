import { distributionOf } from "#harness/lib/distribution.ts";
import { given } from "#harness/lib/given.ts";
import { type Figure, figuresOf } from "#harness/model/figures.ts";
import { slowMs } from "#harness/model/measurement.ts";
import {
  columns,
  isSameRow,
  type PlannedRow,
  type Published,
  plannedRows,
  type Row,
  type RowBudgets,
  type RowKey,
  type Spoiled,
} from "#harness/model/published.ts";
import { isHeadline, tooFewRuns } from "#harness/model/sample-size.ts";
import {
  accountedText,
  beforeAnnouncedText,
  budgetText,
  counts,
  failedText,
  largestText,
  lossOr,
  lossyText,
  medianAndLargest,
  medianThenLargest,
  outageText,
  sinceAnnouncedText,
  worstText,
} from "./figure-text.ts";
import { bootstrapSeed } from "./measurements-html.ts";

/** A row of a version's table; without a figure if every run of its plan was given up. */
export interface PublishedRow {
  readonly row: Row;
  readonly headline: boolean;
  readonly figure?: Figure;
  /** For lost time at the main vantage point during the fault, in milliseconds. */
  readonly budgetMs?: number;
}

/** The rows of a version, headline rows first. */
export function rowsOf(published: Published): PublishedRow[] {
  const figures = figuresOf(published.measurements, bootstrapSeed);
  const empty = plannedRows(published.campaigns).filter(
    (planned) => !figures.some((f) => isSameRow(f, planned)),
  );
  const all = [
    ...figures.map((f) => {
      const budgets = published.budgets.find((b) => isSameRow(b, f));
      return {
        ...{ row: rowOf(f, published, budgets), headline: isHeadline(f), figure: f },
        ...given({ budgetMs: budgets?.awayMs[0] }),
      };
    }),
    ...empty.map((planned) => ({ row: emptyRow(planned, published), headline: isHeadline(planned) })),
  ];
  return [...all.filter((r) => r.headline), ...all.filter((r) => !r.headline)];
}

const keyCells = ({ scenario, affinity, application, tuned }: RowKey, { cilium }: Published) => ({
  Cilium: cilium,
  lab: tuned === true ? "tuned" : "untuned",
  "what happens": scenario,
  affinity,
  application: application ?? "",
});

function emptyRow(planned: PlannedRow, published: Published): Row {
  const blank = Object.fromEntries(columns.map((c) => [c, ""])) as Record<(typeof columns)[number], string>;
  return {
    ...blank,
    ...keyCells(planned, published),
    n: "0 from 0 labs",
    "failed of n": "0 of 0",
    notes: leftOutText(planned, published).join("; "),
  };
}

function rowOf(f: Figure, published: Published, budgets: RowBudgets | undefined): Row {
  const { away, back } = f;
  const changed = changedText(f, published);
  return {
    ...keyCells(f, published),
    n: sampleText(f),
    "failed of n": [failedText(f), (budgets && budgetText(budgets)) ?? [], changed ?? []].flat().join("; "),
    "lost something": away === undefined ? "" : lossyText(away),
    "lost time, median (largest)": away === undefined ? "" : lossOr(f, away, away.lostTimeMs),
    "outage, median (interval)": away === undefined ? "" : outageText(f, away),
    largest: away === undefined ? "" : largestText(away.outageMs),
    "worst vantage point": away === undefined ? "" : worstText(f, away),
    "lost something after healing": back === undefined ? "" : lossyText(back),
    "after healing, median (largest)": back === undefined ? "" : lossOr(f, back, back.outageMs),
    "worst vantage point after healing": back === undefined ? "" : worstText(f, back),
    "slow answers": away === undefined ? "" : counts(f, away.slow),
    "held for": f.heldForMs === undefined ? "" : medianAndLargest(f, f.heldForMs),
    Kubernetes: f.setting.kubernetes,
    "before Kubernetes announced it": beforeAnnouncedText(f),
    "after Kubernetes announced it": sinceAnnouncedText(f),
    "accounted for": accountedText(f),
    notes: [...leftOutText(f, published), ...saturatedText(f)].join("; "),
  };
}

/** How many verdicts the present rule changes; the page lists them. */
function changedText(row: RowKey, { judged }: Published): string | undefined {
  const changed = judged.filter((j) => isSameRow(j, row) && j.was !== j.now).length;
  return changed === 0 ? undefined : `${changed} judged otherwise when measured`;
}

function sampleText(f: Figure): string {
  const [fewest, most] = f.runsOfLab;
  const uneven = fewest === most ? "" : ` (${fewest} to ${most} each)`;
  return [
    `${f.runs} from ${f.labs} lab${f.labs === 1 ? "" : "s"}${uneven}`,
    ...[tooFewRuns(f) ?? []].flat(),
  ].join("; ");
}

/** Where answers were slow or lost before the fault, the row shows what an overloaded machine does to the mesh. */
const saturatedText = ({ beforeP99Ms, lossyBefore, runs }: Figure): string[] => [
  ...(beforeP99Ms?.median == null || beforeP99Ms.median <= slowMs
    ? []
    : [`machine saturated: p99 before the fault ${medianThenLargest(beforeP99Ms)}`]),
  ...(lossyBefore === 0 ? [] : [`${lossyBefore} of ${runs} lost requests before the fault too`]),
];

/** Every run that is not in the figures of a row. */
function leftOutText(row: RowKey, { spoiled, campaigns }: Published): string[] {
  const left = spoiled.filter((s) => isSameRow(s, row));
  const planned = plannedRows(campaigns).find((r) => isSameRow(r, row));
  const also = [
    [left.length, `more spoiled by the test machine (${spoiledText(left)})`],
    [planned?.withoutFigure.length ?? 0, "more ended without a figure"],
    [planned?.givenUp ?? 0, `of the plan's ${planned?.runs} given up`],
  ] as const;
  return also.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]));
}

/** Shown so that a reader sees whether leaving them out moves the figures. */
function spoiledText(spoiled: readonly Spoiled[]): string {
  const of = distributionOf(
    spoiled.map((s) => ({ value: s.outageMs, censored: s.censored, lab: s.runId })),
    bootstrapSeed,
  );
  const failed = spoiled.filter((s) => s.outcome === "fail").length;
  return of === undefined ? "" : `${failed} failed, outage ${medianThenLargest(of)}`;
}
