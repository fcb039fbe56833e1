import type { Distribution } from "#harness/lib/distribution.ts";
import { type Figure, figuresOf, type WindowFigures } from "#harness/model/figures.ts";
import { type Measurement, methodVersion } from "#harness/model/measurement.ts";
import { type Published, plannedRows, type Row, rowNameOf } from "#harness/model/published.ts";
import { showsLargestOnly, tooFewRuns } from "#harness/model/sample-size.ts";
import { type PublishedVersion, provenanceViolations, type Violation } from "./provenance.ts";

/** Every breach of rules 3 to 11 by the published figures of one version and by their rows. */
export function violationsOf(version: PublishedVersion): Violation[] {
  const { published, rows } = version;
  if (published.measurements.length === 0) return [{ rule: 11, what: "no measurement is published" }];
  // The seed only matters for intervals of 20 labs and more, whose ends are not compared.
  const figures = figuresOf(published.measurements, 0);
  const planned = plannedRows(published.campaigns);
  const names = new Set([...planned, ...figures].map(rowNameOf));
  return [
    ...provenanceViolations(version),
    ...published.measurements.flatMap(ofMeasurement),
    ...[...names].flatMap((name) => {
      const row = rows.find((r) => nameInTable(r) === name);
      const figure = figures.find((f) => rowNameOf(f) === name);
      if (row === undefined) return [{ rule: 4, what: `${name}: the page has no row` }];
      return [
        ...(figure === undefined ? [] : [...ofRow(figure, row), ...ofVerdicts(figure, row, published)]),
        ...ofSample(name, row, published),
      ];
    }),
    ...(rows.length > names.size
      ? [{ rule: 7, what: `the page has ${rows.length} rows for ${names.size} figures` }]
      : []),
  ];
}

const nameInTable = (row: Readonly<Record<string, string>>): string =>
  [row["what happens"], row.affinity, row.application, row.lab].join(", ");

function ofMeasurement(m: Measurement): Violation[] {
  const missing = (rule: number, what: string, given: unknown): Violation[] =>
    given === undefined ? [{ rule, what: `${rowNameOf(m)}, ${m.at}: no ${what}` }] : [];
  return [
    ...missing(3, "vantage point beside the main one", m.others[0]),
    ...missing(5, "seed of the scenarios' order", m.seed),
    ...missing(7, "lab", m.lab),
    ...missing(7, "hash of the setting", m.settingHash),
    ...missing(7, "hash of the sources", m.sourceHash),
    ...missing(7, "time of the calibration task", m.calibrationMs),
    ...missing(8, "word on tuning", m.tuned),
    ...missing(9, "application", m.application),
    ...(m.method === methodVersion
      ? []
      : [
          {
            rule: 11,
            what: `${rowNameOf(m)}, ${m.at}: method ${m.method}, the present one is ${methodVersion}`,
          },
        ]),
  ];
}

function ofRow(f: Figure, row: Readonly<Record<string, string>>): Violation[] {
  const cell = (column: keyof Row): string => row[column] ?? "";
  const found: Violation[] = [];
  const require = (rule: number, holds: boolean, what: string): void => {
    if (!holds) found.push({ rule, what: `${rowNameOf(f)}: ${what}` });
  };
  const largest = cell("largest");
  const outage = cell("outage, median (interval)");
  const noneLost = f.away?.lossyRuns === 0;

  require(3, cell("worst vantage point") !== "", "no worst vantage point during the fault");
  require(3, cell("worst vantage point after healing") !== "", "no worst vantage point after healing");
  for (const [column, d] of largestValues(f))
    require(3, censoredShown(
      d,
      cell(column),
    ), `${column} reads ${cell(column)}, which is only a lower bound`);
  const few = tooFewRuns(f);
  require(5, cell("n").startsWith(
    `${f.runs} from ${f.labs} lab`,
  ), `${f.runs} runs from ${f.labs} labs, the row says ${cell("n")}`);
  require(5, cell("n").includes("too few runs") === (few !== undefined), few === undefined
    ? "the row says too few runs"
    : `the row does not say ${few}`);
  require(5, !largest.includes("p95") || f.runs >= 20, `p95 of ${f.runs} runs`);
  require(5, largest.includes(`of ${f.runs}`), `the largest value does not say that it is of ${f.runs}`);
  for (const [column, window] of [
    ["lost something", f.away],
    ["lost something after healing", f.back],
  ] as const)
    require(5, window === undefined ||
      boundStated(window, cell(column)), `${column}: not as computed, or without its bound: ${cell(column)}`);
  if (noneLost) require(5, outage === "none lost", `nothing was lost, the row says ${outage}`);
  else if (showsLargestOnly(f)) require(5, outage === "see largest", "a median of runs that take over 60 s");
  else
    require(6, intervalStated(
      f.away?.outageMs,
      outage,
    ), `the interval is not named with its coverage: ${outage}`);
  require(10, accountedStated(
    f,
    cell("accounted for"),
  ), `pooled share, error and worst run are not as computed: ${cell("accounted for")}`);
  return found;
}

/** Rule 4: failed runs of all and of the decided ones, the budgets that they missed, and verdicts that changed. */
function ofVerdicts(
  { failed, runs, undecided }: Figure,
  row: Readonly<Record<string, string>>,
  { budgets, judged }: Published,
): Violation[] {
  const name = nameInTable(row);
  const parts = (row["failed of n"] ?? "").split("; ");
  const own = budgets.filter((b) => rowNameOf(b) === name).flatMap((b) => [...b.awayMs, ...b.backMs]);
  const changed = judged.filter((j) => rowNameOf(j) === name && j.was !== j.now).length;
  const decided = undecided === 0 ? "" : ` (${failed} of ${runs - undecided} decided)`;
  const expected: readonly string[] = [
    `${failed} of ${runs}${decided}`,
    ...(undecided === 0 ? [] : [`${undecided} undecided`]),
    ...(changed === 0 ? [] : [`${changed} judged otherwise when measured`]),
  ];
  const budget = parts.find((part) => part.includes("budget")) ?? "";
  return [
    ...expected.filter((text) => !parts.includes(text)).map((text) => `the row does not say ${text}`),
    ...own
      .filter((ms) => !new RegExp(`\\b${ms} ms`).test(budget))
      .map((ms) => `the row does not name the budget of ${ms} ms`),
    ...(parts.length > expected.length + (own.length === 0 ? 0 : 1)
      ? ["the row says more than there is"]
      : []),
  ].map((what) => ({ rule: 4, what: `${name}: ${what}: ${row["failed of n"]}` }));
}

/** Every run of the plan, and every attempt, is counted in a row. */
function ofSample(
  name: string,
  row: Readonly<Record<string, string>>,
  { campaigns, measurements, spoiled }: Published,
): Violation[] {
  const planned = plannedRows(campaigns).find((r) => rowNameOf(r) === name);
  if (planned === undefined) return [{ rule: 5, what: `${name}: no plan contains it` }];
  const parts = (row.notes ?? "").split("; ");
  const runs = measurements.filter((m) => rowNameOf(m) === name).length;
  const { givenUp, withoutFigure } = planned;
  const counts: readonly [number, string][] = [
    [spoiled.filter((s) => rowNameOf(s) === name).length, "more spoiled"],
    [withoutFigure.length, "more ended without a figure"],
    [givenUp, "of the plan's"],
  ];
  return [
    ...(runs + givenUp === planned.runs
      ? []
      : [{ rule: 4, what: `${name}: ${runs} runs and ${givenUp} given up, of ${planned.runs} planned` }]),
    ...counts
      .filter(([count, what]) => {
        const stated = parts.find((part) => part.includes(` ${what}`));
        return count === 0 ? stated !== undefined : stated?.startsWith(`${count} ${what}`) !== true;
      })
      .map(([count, what]) => ({ rule: 4, what: `${name}: the row does not say ${count} ${what}` })),
  ];
}

/** The cells that state the largest value of a distribution. */
function largestValues({ away, back, sinceAnnounced }: Figure): [keyof Row, Distribution][] {
  return [
    ...(away === undefined
      ? []
      : ([
          ["largest", away.outageMs],
          ["lost time, median (largest)", away.lostTimeMs],
          ["worst vantage point", away.worst.ms],
          ...(sinceAnnounced === undefined
            ? []
            : [["after Kubernetes announced it", sinceAnnounced.ms] as const]),
        ] as [keyof Row, Distribution][])),
    ...(back === undefined
      ? []
      : ([
          ["after healing, median (largest)", back.outageMs],
          ["worst vantage point after healing", back.worst.ms],
        ] as [keyof Row, Distribution][])),
  ];
}

const censoredShown = (d: Distribution, text: string): boolean =>
  d.censored === 0 || text.includes(`[${d.censored} of ${d.count} not over]`);

/** `2 of 10 (up to 51 %)`; a bound may be rounded up only. */
function boundStated({ lossyRuns, lossyBound, lost }: WindowFigures, text: string): boolean {
  const stated = /^(\d+) of (\d+)(?: \(up to (\d+) %\))?$/.exec(text);
  if (stated === null) return false;
  const [, lossy, runs, bound = "100"] = stated;
  return (
    Number(lossy) === lossyRuns &&
    Number(runs) === lost.count &&
    Number(bound) >= lossyBound * 100 - 1e-6 &&
    Number(bound) < lossyBound * 100 + 1
  );
}

/** Whether a cell names the kind of its interval and the coverage of that kind. */
function intervalStated(d: Distribution | undefined, text: string): boolean {
  if (d?.interval === undefined) return text.endsWith("(one lab)");
  const stated = /: (?:bootstrap|range of (\d+) labs), ([\d.]+) %\)$/.exec(text);
  if (stated === null) return false;
  const [, labs, coverage] = stated;
  return (
    (labs === undefined) === (d.interval.kind === "bootstrap") &&
    (labs === undefined || Number(labs) === d.labs) &&
    Math.abs(Number(coverage) - d.interval.coverage * 100) <= 0.5
  );
}

function accountedStated({ accounted }: Figure, text: string): boolean {
  if (accounted === undefined) return text === "no outage";
  const { share, shareError, worst, resolved, unobserved, runs } = accounted;
  if (unobserved === runs) return text === "not observed";
  const stated = /^(\d+) % ± (\d+) %, worst run (\d+) %; resolved (\d+) %/.exec(text);
  return (
    stated !== null &&
    [share, shareError, worst, resolved].every(
      (value, i) => Number(stated[i + 1]) === Math.round(value * 100),
    )
  );
}
