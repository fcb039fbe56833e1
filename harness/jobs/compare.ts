import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Compared, compareLostTime } from "#harness/judge/comparison.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { readSeries } from "#harness/measure/series.ts";
import { type Figure, figuresOf } from "#harness/model/figures.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import { describeDifferences, differingSettings } from "#harness/model/setting.ts";
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
  /** Undefined on the side that does not have it. Several where a side has several settings or sources. */
  readonly figures: readonly [readonly Figure[], readonly Figure[]];
  readonly compared: Compared | null;
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
  return {
    scenario: any?.scenario ?? "",
    affinity: any?.affinity ?? "",
    application: any?.application ?? null,
    tuned: any?.tuned ?? null,
    figures: [figuresOf(a, bootstrapSeed), figuresOf(b, bootstrapSeed)],
    compared: compareLostTime(a, b, comparisonErrorRate) ?? null,
  };
}

function settingDifferences(a: readonly Measurement[], b: readonly Measurement[]): string[] {
  const [one, other] = [a[0], b[0]];
  if (one === undefined || other === undefined) return [];
  const sources =
    one.sourceHash === other.sourceHash
      ? []
      : [`sources: ${one.sourceHash ?? "unknown"}, ${other.sourceHash ?? "unknown"}`];
  const method = one.method === other.method ? [] : [`method: ${one.method}, ${other.method}`];
  if (one.settingRecord !== undefined && other.settingRecord !== undefined)
    return [
      ...describeDifferences(differingSettings(one.settingRecord, other.settingRecord)),
      ...sources,
      ...method,
    ];
  const keys = ["cilium", "kubernetes", "kernel", "machine", "imageSource"] as const;
  return [
    ...keys
      .filter((k) => one.setting[k] !== other.setting[k])
      .map((k) => `${k}: ${one.setting[k]}, ${other.setting[k]}`),
    ...sources,
    ...method,
  ];
}

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
