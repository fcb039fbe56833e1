import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Compared, compareLostTime } from "#harness/judge/comparison.ts";
import { leavesOf } from "#harness/lib/canonical-json.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { readSeries } from "#harness/measure/series.ts";
import { type Figure, figuresOf } from "#harness/model/figures.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import { bootstrapSeed, measurementsOf } from "#harness/report/measurements-html.ts";
import { runFolder } from "#harness/testkit/run-dir.ts";
import { readRun } from "./write-report.ts";

/** Of each row: how often it may show a difference although there is none. */
export const comparisonErrorRate = 0.01;

export interface ComparedRow {
  readonly scenario: string;
  readonly affinity: string;
  readonly application: string | null;
  readonly tuned: boolean | null;
  /** None on the side that does not have it. Several where a side has several settings or sources. */
  readonly figures: readonly [readonly Figure[], readonly Figure[]];
  /** Null if one side does not have the row, or has it in several settings or sources. */
  readonly compared: Compared | null;
  /** Why the row is not compared, although both sides have it. */
  readonly refused: string | null;
}

export interface Comparison {
  readonly names: readonly [string, string];
  readonly errorRate: number;
  readonly rows: readonly ComparedRow[];
  /** What differs between the settings of the two, one line each. */
  readonly differences: readonly string[];
}

/** Compares two runs or campaigns, row by row, by a permutation test on medians of lost time. */
export async function compare(first: string, second: string): Promise<Comparison> {
  const [a, b] = [await measurementsIn(first), await measurementsIn(second)];
  const keys = [...new Set([...a, ...b].map(keyOf))];
  return {
    names: [first, second],
    errorRate: comparisonErrorRate,
    rows: keys.map((key) =>
      rowOf(
        a.filter((m) => keyOf(m) === key),
        b.filter((m) => keyOf(m) === key),
      ),
    ),
    differences: settingDifferences(a, b),
  };
}

const keyOf = (m: Measurement): string =>
  JSON.stringify([m.scenario, m.affinity, m.application ?? null, m.tuned ?? null]);

function rowOf(a: readonly Measurement[], b: readonly Measurement[]): ComparedRow {
  const [any] = [...a, ...b];
  const figures = [figuresOf(a, bootstrapSeed), figuresOf(b, bootstrapSeed)] as const;
  const mixed = figures.flatMap((of, i) => (of.length > 1 ? [i === 0 ? "A" : "B"] : []));
  return {
    scenario: any?.scenario ?? "",
    affinity: any?.affinity ?? "",
    application: any?.application ?? null,
    tuned: any?.tuned ?? null,
    figures,
    compared: mixed.length > 0 ? null : (compareLostTime(a, b, comparisonErrorRate) ?? null),
    refused:
      mixed.length > 0 && a.length > 0 && b.length > 0
        ? `${mixed.join(" and ")} of several settings or sources, which are not pooled`
        : null,
  };
}

/** What differs in any run of a row that both sides have; of all runs if they have no row in common. */
function settingDifferences(a: readonly Measurement[], b: readonly Measurement[]): string[] {
  const [first, second] = [a, b].map((of) => Map.groupBy(of, keyOf));
  const rows = [...(first ?? [])].flatMap(([key, of]) => {
    const others = second?.get(key);
    return others === undefined ? [] : [[of, others] as const];
  });
  const pairs = rows.length === 0 ? [[a, b] as const] : rows;
  return [...new Set(pairs.flatMap(([one, other]) => differencesOf(one, other)))];
}

/** What differs between two sides, or within one: `tuning: tuned, tuned or untuned`. */
function differencesOf(a: readonly Measurement[], b: readonly Measurement[]): string[] {
  const whole = [...a, ...b].every((m) => m.settingRecord !== undefined);
  const [first, second] = [a, b].map((of) => valuesOf(of, whole));
  if (first === undefined || second === undefined) return [];
  return [...new Set([...first.keys(), ...second.keys()])].sort().flatMap((key) => {
    const [one, other] = [first, second].map((side) => [...(side.get(key) ?? [])].sort());
    const differs = one?.join() !== other?.join() || one?.length !== 1;
    return differs ? [`${key}: ${alternatives(one)}, ${alternatives(other)}`] : [];
  });
}

const alternatives = (values: readonly string[] = []): string =>
  values.length === 0 ? "not set" : values.join(" or ");

/** The values that each key has in some run; `not set` is one of them if a run does not have the key. */
function valuesOf(measurements: readonly Measurement[], whole: boolean): Map<string, Set<string>> {
  const settings = [...Map.groupBy(measurements, ownSettingOf(whole)).keys()].map(
    (text) => new Map(Object.entries(JSON.parse(text) as Readonly<Record<string, string>>)),
  );
  const keys = new Set(settings.flatMap((of) => [...of.keys()]));
  return new Map(
    [...keys].map((key) => [key, new Set(settings.map((of) => of.get(key) ?? "not set"))] as const),
  );
}

/** A run's setting, sources and method as text: most runs have equal ones. */
const ownSettingOf =
  (whole: boolean) =>
  ({ settingRecord, setting, sourceHash, method }: Measurement): string =>
    JSON.stringify({
      ...Object.fromEntries(
        [...leavesOf(whole ? settingRecord : setting)].map(([key, value]) => [key, String(value)]),
      ),
      ...{ sources: sourceHash ?? "unknown", method: String(method) },
    });

/** The measurements of a series, of every series in a folder, or of a run. Throws `usage` if there is none. */
export async function measurementsIn(named: string): Promise<Measurement[]> {
  const measurements = await read(named);
  if (measurements.length === 0)
    throw new MeshproofError("usage", `${named} contains no measurement`, {
      remedy:
        "name a series (`test --series FILE`), a folder of series, or a run whose suites measure, such as failover",
    });
  return measurements;
}

async function read(named: string): Promise<Measurement[]> {
  const found = statSync(named, { throwIfNoEntry: false });
  if (found?.isFile() === true) return readSeries(named);
  const series = found?.isDirectory() === true ? seriesIn(named) : [];
  if (series.length > 0) return series.flatMap((file) => readSeries(file));
  const { suites } = await readRun(runFolder(named));
  return suites.flatMap(measurementsOf);
}

/** The series of a campaign's folder; loss records lie beside them, and a run's folder has none. */
const seriesIn = (dir: string): string[] =>
  readdirSync(dir)
    .filter((f) => f.endsWith(".ndjson") && !/(?:^|\.)losses\.ndjson$/.test(f))
    .sort()
    .map((f) => join(dir, f));
