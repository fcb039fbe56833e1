import { figuresOf } from "#harness/model/figures.ts";
import type { History } from "#harness/model/history.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import type { RunRecord, SuiteRecord, TestRecord } from "#harness/model/record.ts";
import { escapeHtml } from "./escape.ts";
import { figuresHtml } from "./figures-html.ts";
import { timelinePlot } from "./plots.ts";

/** The seed of every bootstrap interval, so that a report rendered again is identical. */
export const bootstrapSeed = 2026;

/** Repetitions of a scenario whose timeline is drawn; failures are drawn in addition. */
const drawnOfScenario = 2;
const mostDrawn = 24;

export function measurementsOf(suite: SuiteRecord): Measurement[] {
  return suite.tests.flatMap((t) => {
    const { measurement } = t.notes;
    const { outcome } = t;
    return measurement !== undefined && (outcome === "pass" || outcome === "fail" || outcome === "unknown")
      ? [{ ...measurement, outcome }]
      : [];
  });
}

/** The histories that the page draws: those of the main vantage point, which come first. */
export function drawnHistories(run: RunRecord): string[] {
  return run.suites.flatMap((s) => drawnTests(s).map(({ file }) => file));
}

function drawnTests(suite: SuiteRecord): { readonly test: TestRecord; readonly file: string }[] {
  const seen = new Map<string, number>();
  const chosen = suite.tests.flatMap((test) => {
    const file = test.notes.histories?.[0];
    if (file === undefined) return [];
    const key = `${test.notes.measurement?.scenario} ${test.notes.measurement?.affinity}`;
    const times = (seen.get(key) ?? 0) + 1;
    seen.set(key, times);
    return test.outcome !== "pass" || times <= drawnOfScenario ? [{ test, file }] : [];
  });
  return chosen.slice(0, mostDrawn);
}

/** What a suite measured: distributions, time per link, connections, and timelines. */
export function measurementsSection(suite: SuiteRecord, histories: ReadonlyMap<string, History>): string {
  const measurements = measurementsOf(suite);
  const figures = figuresOf(measurements, bootstrapSeed);
  return `${figures.length === 0 ? "" : figuresHtml(figures, measurements)}
${drawnTests(suite)
  .map(({ test, file }) => timeline(test, file, histories.get(file)))
  .join("\n")}`;
}

function timeline(test: TestRecord, file: string, history: History | undefined): string {
  if (history === undefined) return `<p class="fail">history ${escapeHtml(file)} is missing</p>`;
  const { svg, thinnedBy } = timelinePlot(history, test.notes.measurement);
  return `<figure><figcaption><strong>${escapeHtml(test.name)}</strong><br>${escapeHtml(history.title)}: one new connection every ${history.everyMs} ms from ${escapeHtml(history.vantage)} to ${escapeHtml(history.target)}; shaded: the fault${thinnedBy > 1 ? `; every ${thinnedBy}th good answer and every loss is drawn` : ""}.</figcaption>${svg}</figure>`;
}
