import { textTable } from "#harness/lib/table.ts";
import type { Figure } from "#harness/model/figures.ts";
import { medianText } from "./figure-text.ts";

/** The parts of a comparison that its text needs. */
export interface ShownComparison {
  readonly names: readonly [string, string];
  readonly errorRate: number;
  readonly rows: readonly {
    readonly scenario: string;
    readonly affinity: string;
    readonly application: string | null;
    readonly tuned: boolean | null;
    readonly figures: readonly [readonly Figure[], readonly Figure[]];
    readonly compared: {
      readonly result: string;
      readonly p: number;
      readonly smallestP: number;
      readonly unit: "lab" | "run";
    } | null;
    readonly refused: string | null;
  }[];
  readonly differences: readonly string[];
}

/** Two runs or campaigns side by side, for a terminal. */
export function comparisonLines({ names, errorRate, rows, differences }: ShownComparison): string[] {
  const by = (unit: "lab" | "run") => rows.filter((r) => r.compared?.unit === unit).length;
  return [
    ...textTable([
      ["lost time, median (interval)", `A: ${names[0]}`, `B: ${names[1]}`, "B is"],
      ...rows.map((r) => [titleOf(r), sideText(r.figures[0]), sideText(r.figures[1]), resultText(r)]),
    ]),
    "",
    "Permutation test on medians of lost time.",
    ...(by("lab") === 0
      ? []
      : [
          `By lab: error rate ${errorRate * 100} % of each row, so of ${by("lab")} such rows without a difference ${(by("lab") * errorRate).toFixed(2)} show one on average.`,
        ]),
    ...(by("run") === 0
      ? []
      : [
          `By run: there are too few labs to permute whole labs, so that a difference between labs counts as one, and the error rate is ${errorRate * 100} % only if labs do not differ.`,
        ]),
    differences.length === 0
      ? "The settings are equal."
      : `The settings differ in (A, B): ${differences.join("; ")}`,
  ];
}

const titleOf = (r: ShownComparison["rows"][number]): string =>
  [
    r.scenario,
    r.affinity,
    ...(r.application === null ? [] : [r.application]),
    ...(r.tuned === null ? [] : [r.tuned ? "tuned" : "untuned"]),
  ].join(", ");

/** The figures of a side with several settings or sources stay apart. */
function sideText(figures: readonly Figure[]): string {
  if (figures.length === 0) return "none";
  return figures
    .map(
      (f) =>
        `${f.away === undefined ? "no figure" : medianText(f.away.lostTimeMs)}, n = ${f.runs}, ${f.failed} failed`,
    )
    .join("; ");
}

function resultText({ compared, refused }: ShownComparison["rows"][number]): string {
  if (compared === null) return refused === null ? "" : `not compared: ${refused}`;
  return compared.result === "unknown"
    ? cannotDiffer(compared.smallestP)
    : `${compared.result} (p = ${compared.p.toPrecision(2)}, by ${compared.unit})`;
}

/** What a comparison says of samples so small that no values of them could differ. */
export const cannotDiffer = (smallestP: number): string =>
  `unknown: too few runs (p is at least ${smallestP.toPrecision(2)})`;
