import { messageOf } from "#harness/lib/errors.ts";
import { appendToSeries, correctSeries } from "#harness/measure/series.ts";
import type { SuiteRecord, TestRecord } from "#harness/model/record.ts";

/** Some disturbances of the machine show only at the end of a run: what was kept as a figure before is none then. */
export function correctSpoiled(series: string, runId: string, suites: readonly SuiteRecord[]): void {
  const spoiled = suites
    .flatMap((s) => s.tests)
    .filter((t) => t.outcome === "unknown")
    .flatMap((t) => t.notes.measurement?.at ?? []);
  correctSeries(series, (m) =>
    m.runId === runId && m.outcome !== "unknown" && spoiled.includes(m.at)
      ? { ...m, outcome: "unknown" }
      : undefined,
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
