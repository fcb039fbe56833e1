import { messageOf } from "#harness/lib/errors.ts";
import { appendToSeries, readSeries, writeSeries } from "#harness/measure/series.ts";
import type { SuiteRecord, TestRecord } from "#harness/model/record.ts";

/** Some disturbances of the rig show only at the end of a run: what was kept as a figure before is none then. */
export function correctSeries(series: string, runId: string, suites: readonly SuiteRecord[]): void {
  const spoiled = suites
    .flatMap((s) => s.tests)
    .filter((t) => t.outcome === "unknown")
    .flatMap((t) => t.notes.measurement?.at ?? []);
  const all = readSeries(series);
  if (!all.some((m) => m.runId === runId && m.outcome !== "unknown" && spoiled.includes(m.at))) return;
  writeSeries(
    series,
    all.map((m) => (m.runId === runId && spoiled.includes(m.at) ? { ...m, outcome: "unknown" } : m)),
  );
}

/** As soon as it was judged: a run that is cut off later leaves it there. */
export function keepInSeries(
  series: string,
  { name, notes, outcome }: TestRecord,
  say: (line: string) => void,
): void {
  if (notes.measurement === undefined) return;
  if (outcome !== "pass" && outcome !== "fail" && outcome !== "unknown") return;
  try {
    appendToSeries(series, { ...notes.measurement, outcome });
  } catch (error) {
    say(`  the measurement of ${name} was not added to ${series}: ${messageOf(error)}`);
  }
}
