import { messageOf } from "#harness/lib/errors.ts";
import { copyLosses } from "#harness/measure/loss-files.ts";
import { appendToSeries, correctSeries } from "#harness/measure/series.ts";
import { givesFigures, spoiledByHost } from "#harness/model/measurement.ts";
import type { SuiteRecord, TestRecord } from "#harness/model/record.ts";

/** Some disturbances of the machine show only at the end of a run and invalidate figures kept before. */
export function correctSpoiled(series: string, runId: string, suites: readonly SuiteRecord[]): void {
  const disturbed = suites
    .flatMap((s) => s.tests)
    .filter(({ outcome, notes }) => !givesFigures({ ...notes.measurement, outcome }))
    .flatMap((t) => t.notes.measurement?.at ?? []);
  correctSeries(series, (m) =>
    m.runId === runId && givesFigures(m) && disturbed.includes(m.at) ? spoiledByHost(m) : undefined,
  );
}

/**
 * Adds it, and its loss record beside the series, as soon as it is judged, so that a run interrupted later does not
 * lose it.
 */
export function keepInSeries(
  series: string,
  { name, notes, outcome }: TestRecord,
  { dir, say }: { readonly dir: string; readonly say: (line: string) => void },
): void {
  if (notes.measurement === undefined) return;
  if (outcome !== "pass" && outcome !== "fail" && outcome !== "unknown") return;
  try {
    appendToSeries(series, { ...notes.measurement, outcome });
    copyLosses(dir, notes.measurement, series);
  } catch (error) {
    say(`  the measurement of ${name} was not added to ${series}: ${messageOf(error)}`);
  }
}
