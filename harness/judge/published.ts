import type { Distribution } from "#harness/lib/distribution.ts";
import { type Figure, figuresOf } from "#harness/model/figures.ts";
import { type Measurement, methodVersion } from "#harness/model/measurement.ts";
import type { Row } from "#harness/model/published.ts";
import { isLong, tooFewRuns } from "#harness/model/sample-size.ts";
import { type PublishedVersion, provenanceViolations, type Violation } from "./provenance.ts";

/** Every breach of rules 3 to 11 by the published figures of one version and by their rows. */
export function violationsOf(version: PublishedVersion): Violation[] {
  const { published, rows } = version;
  if (published.measurements.length === 0) return [{ rule: 11, what: "no measurement is published" }];
  // The seed only matters for intervals of 20 labs and more, whose ends are not compared.
  const figures = figuresOf(published.measurements, 0);
  return [
    ...provenanceViolations(version),
    ...published.measurements.flatMap(ofMeasurement),
    ...figures.flatMap((figure) => {
      const row = rows.find((r) => isRowOf(r, figure));
      return row === undefined
        ? [{ rule: 4, what: `${nameOf(figure)}: the page has no row` }]
        : ofRow(figure, row);
    }),
    ...(rows.length > figures.length
      ? [{ rule: 7, what: `the page has ${rows.length} rows for ${figures.length} figures` }]
      : []),
  ];
}

const nameOf = (f: Pick<Measurement, "scenario" | "affinity" | "tuned" | "application">): string =>
  [f.scenario, f.affinity, f.application, f.tuned === true ? "tuned" : "untuned"].join(", ");

const isRowOf = (row: Readonly<Record<string, string>>, f: Figure): boolean =>
  row["what happens"] === f.scenario &&
  row.affinity === f.affinity &&
  row.application === f.application &&
  row.lab === (f.tuned === true ? "tuned" : "untuned");

function ofMeasurement(m: Measurement): Violation[] {
  const missing = (rule: number, what: string, given: unknown): Violation[] =>
    given === undefined ? [{ rule, what: `${nameOf(m)}, ${m.at}: no ${what}` }] : [];
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
            what: `${nameOf(m)}, ${m.at}: method ${m.method}, the present one is ${methodVersion}`,
          },
        ]),
  ];
}

function ofRow(f: Figure, row: Readonly<Record<string, string>>): Violation[] {
  const cell = (column: keyof Row): string => row[column] ?? "";
  const found: Violation[] = [];
  const require = (rule: number, holds: boolean, what: string): void => {
    if (!holds) found.push({ rule, what: `${nameOf(f)}: ${what}` });
  };
  const largest = cell("largest");
  const outage = cell("outage, median (interval)");
  const noneLost = f.away?.lossyRuns === 0;

  require(3, cell("worst vantage point") !== "", "no worst vantage point during the fault");
  require(3, cell("worst vantage point after healing") !== "", "no worst vantage point after healing");
  require(3, censoredShown(
    f.away?.outageMs,
    largest,
  ), `the largest value reads ${largest}, but losses were not over when the fault was removed`);
  require(4, cell("failed of n") ===
    `${f.failed} of ${f.runs}`, `${f.failed} of ${f.runs} runs failed, the row says ${cell("failed of n")}`);

  const few = tooFewRuns(f);
  require(5, cell("n").startsWith(
    `${f.runs} from ${f.labs} lab`,
  ), `${f.runs} runs from ${f.labs} labs, the row says ${cell("n")}`);
  require(5, cell("n").includes("too few runs") === (few !== undefined), few === undefined
    ? "the row says too few runs"
    : `the row does not say ${few}`);
  require(5, !largest.includes("p95") || f.runs >= 20, `p95 of ${f.runs} runs`);
  require(5, largest.includes(`of ${f.runs}`), `the largest value does not say that it is of ${f.runs}`);
  require(5, !noneLost ||
    outage.includes(
      `in ${f.runs} runs (up to `,
    ), "nothing was lost, and the row has no bound for the share of runs that may lose requests");
  if (isLong(f)) require(5, noneLost || outage === "see largest", "a median of runs that take over 60 s");
  else
    require(6, noneLost ||
      intervalStated(f.away?.outageMs, outage), `the interval is not named with its coverage: ${outage}`);
  require(10, accountedStated(
    f,
    cell("accounted for"),
  ), `pooled share, error and worst run are not as computed: ${cell("accounted for")}`);
  return found;
}

const censoredShown = (d: Distribution | undefined, text: string): boolean =>
  d === undefined ||
  d.largest !== null ||
  (text.startsWith("> ") && text.includes("(not restored before the fault was removed)"));

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
  const stated = /^(\d+) % ± (\d+) %, worst run (\d+) %$/.exec(text);
  const { share, shareError, worst } = accounted;
  return (
    stated !== null &&
    [share, shareError, worst].every((value, i) => Number(stated[i + 1]) === Math.round(value * 100))
  );
}
