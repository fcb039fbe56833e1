import { markdownTable } from "markdown-table";
import type { Figure } from "#harness/model/figures.ts";
import { keyColumns, type Published, type Row, tableColumns } from "#harness/model/published.ts";
import { tooFewRuns } from "#harness/model/sample-size.ts";
import { type PublishedRow, rowsOf } from "./figure-rows.ts";
import { lossOr, lossyText, medianAndLargest, percent } from "./figure-text.ts";
import { notMeasured } from "./published.ts";

/** The tables of `docs/results`: every published figure of every version. */
export function resultsTable(all: readonly Published[]): string {
  const rows = all.flatMap(rowsOf).map(({ row }) => row);
  if (rows.length === 0) return notMeasured;
  return Object.entries(tableColumns)
    .map(([title, columns]) => `### ${title}\n\n${tableOf([...keyColumns, ...columns], rows)}`)
    .join("\n\n");
}

const tableOf = (shown: readonly (keyof Row)[], rows: readonly Row[]): string =>
  markdownTable([[...shown], ...rows.map((r) => shown.map((c) => r[c]))]);

/** Columns of the README's tables, which have to fit a page 1200 pixels wide. */
const headlineColumns = [
  "Cilium",
  "what happens",
  "affinity",
  "failed of n (budget)",
  "lost something",
  "lost time",
  "outage",
  "lost time, worst point",
  "lost time after healing",
] as const;

/** The README's tables, one for tuned and one for untuned labs: the headline rows, and below what limits each of them. */
export function headlineTable(all: readonly Published[]): string {
  const rows = all.flatMap((p) => rowsOf(p).filter(({ headline }) => headline));
  if (rows.length === 0) return notMeasured;
  return ["tuned", "untuned"]
    .flatMap((lab) => {
      const own = rows.filter(({ row }) => row.lab === lab);
      return own.length === 0
        ? []
        : [`**${lab[0]?.toUpperCase()}${lab.slice(1)} labs**`, shortTable(own), limitsOf(own)];
    })
    .join("\n\n");
}

const shortTable = (rows: readonly PublishedRow[]): string =>
  markdownTable([[...headlineColumns], ...rows.map(shortCells)]);

function shortCells({ row, figure, budgetMs }: PublishedRow): string[] {
  const keys = [row.Cilium, row["what happens"], row.affinity];
  const { away, back } = figure ?? {};
  if (figure === undefined || away === undefined || back === undefined)
    return [...keys, row["failed of n"], "", "", "", "", ""];
  const undecided = figure.undecided === 0 ? "" : `, ${figure.undecided} undecided`;
  const budget = budgetMs === undefined ? "" : ` (${budgetMs} ms)`;
  const short = (cell: string): string => cell.replaceAll(notOver, "");
  return [
    ...keys,
    `${figure.failed} of ${figure.runs}${undecided}${budget}`,
    lossyText(away),
    short(lossOr(figure, away, away.lostTimeMs)),
    short(lossOr(figure, away, away.outageMs)),
    away.worstLostTime.ms.largest === 0
      ? "none lost"
      : short(medianAndLargest(figure, away.worstLostTime.ms)),
    short(lossOr(figure, back, back.lostTimeMs)),
  ];
}

/** How many runs of a distribution were not over: below the table instead of in every cell of it. */
const notOver = / \[\d+ of \d+ not over\]/g;

/** METHOD, rule 3: which values are lower bounds. */
function notOverText(figure: Figure | undefined): string {
  const { away, back } = figure ?? {};
  const counts = [
    ["", away?.lostTimeMs],
    [" at some vantage point", away?.worstLostTime.ms],
    [" after healing", back?.lostTimeMs],
  ] as const;
  const texts = counts.flatMap(([where, d]) =>
    d === undefined || d.censored === 0 ? [] : [`${d.censored} of ${d.count}${where}`],
  );
  return texts.length === 0 ? "" : `not restored before the end of the window: ${texts.join(", ")}`;
}

/** What of the lab, the sample and Kubernetes limits the rows of a table. */
function limitsOf(rows: readonly PublishedRow[]): string {
  const shares = rows.flatMap(({ figure }) => {
    const before = figure?.accounted?.beforeAnnounced;
    return before?.resolved === true ? before.share : [];
  });
  const announced =
    shares.length === 0
      ? []
      : [
          `- ${percent(Math.min(...shares))} to ${percent(Math.max(...shares))} of the lost time of ${shares.length} of these rows lies before Kubernetes announced that the backends were gone; in the others there is no such change, or that is not resolved.`,
        ];
  const versions = new Set(
    rows.flatMap(({ row }) =>
      row.Kubernetes === "" ? [] : `Cilium ${row.Cilium} ran on Kubernetes ${row.Kubernetes}`,
    ),
  );
  const notes = rows.flatMap(({ row, figure }) => {
    const few = figure !== undefined && tooFewRuns(figure) !== undefined ? row.n : "";
    const own = [few, notOverText(figure), row.notes].filter((text) => text !== "");
    return own.length === 0
      ? []
      : [`- ${row.Cilium}, ${row["what happens"]}, ${row.affinity}: ${own.join("; ")}`];
  });
  const ran = versions.size === 0 ? [] : [`- ${[...versions].join("; ")}.`];
  return [...announced, ...ran, ...notes].join("\n");
}
