import { type Figure, figuresOf } from "#harness/model/figures.ts";
import type { History } from "#harness/model/history.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import type { RunRecord, SuiteRecord, TestRecord } from "#harness/model/record.ts";
import { escapeHtml } from "./escape.ts";
import { distributionPlot, timelinePlot } from "./plots.ts";

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

/** The distribution over repetitions, as a plot and as tables. */
export function figuresHtml(figures: readonly Figure[], measurements: readonly Measurement[]): string {
  const ms = (value: number | undefined): string =>
    value === undefined ? "&ndash;" : `${Math.round(value)}`;
  return `<h3>How long clients were without the service</h3>
<figure>${distributionPlot(figures, measurements)}<figcaption>Main vantage point. A tick is one run, the dot the median, the bar its 95 % bootstrap interval. Runs that did not recover are not included.</figcaption></figure>
<div class="wide"><table><tr><th>scenario</th><th>affinity</th><th>runs</th><th>median ms</th><th>95 % interval</th><th>p95</th><th>max</th><th>requests lost, median (max)</th><th>not recovered</th><th>after healing, median (max) ms</th></tr>
${figures
  .map(
    (f) =>
      `<tr><td>${escapeHtml(f.scenario)}</td><td>${f.affinity}</td><td>${f.runs}${f.unknown > 0 ? ` (+${f.unknown} unknown)` : ""}</td><td>${ms(f.outageMs?.median)}</td><td>${f.outageMs === undefined ? "&ndash;" : `${ms(f.outageMs.medianLow)} to ${ms(f.outageMs.medianHigh)}`}</td><td>${ms(f.outageMs?.p95)}</td><td>${ms(f.outageMs?.max)}</td><td>${f.lostMedian} (${f.lostMost})</td><td>${f.notRecovered}</td><td>${ms(f.backOutageMs?.median)} (${ms(f.backOutageMs?.max)})</td></tr>`,
  )
  .join("\n")}</table></div>
<h3>Which link took the time</h3>
<div class="wide"><table><tr><th>scenario</th><th>affinity</th><th>median of each link, ms</th><th>explained</th></tr>
${figures
  .filter((f) => f.outageMs !== undefined && f.outageMs.median > 0)
  .map(
    (f) =>
      `<tr><td>${escapeHtml(f.scenario)}</td><td>${f.affinity}</td><td>${f.links.map((l) => `${escapeHtml(l.upTo)}: ${ms(l.medianMs)}`).join("; ")}</td><td>${f.explainedShare === undefined ? "&ndash;" : `${Math.round(f.explainedShare * 100)} %`}</td></tr>`,
  )
  .join("\n")}</table></div>
<h3>What happened to established connections</h3>
<div class="wide"><table><tr><th>scenario</th><th>affinity</th><th>kind</th><th>survived</th><th>reset</th><th>stalled</th><th>longest gap, median ms</th></tr>
${figures
  .flatMap((f) =>
    f.connections.map(
      (c) =>
        `<tr><td>${escapeHtml(f.scenario)}</td><td>${f.affinity}</td><td>${c.kind}</td><td>${c.survived}</td><td>${c.reset}</td><td>${c.stalled}</td><td>${ms(c.longestGapMedianMs)}</td></tr>`,
    ),
  )
  .join("\n")}</table></div>`;
}

function timeline(test: TestRecord, file: string, history: History | undefined): string {
  if (history === undefined) return `<p class="fail">history ${escapeHtml(file)} is missing</p>`;
  const { svg, thinnedBy } = timelinePlot(history, test.notes.measurement);
  return `<figure><figcaption><strong>${escapeHtml(test.name)}</strong><br>${escapeHtml(history.title)}: one new connection every ${history.everyMs} ms from ${escapeHtml(history.vantage)} to ${escapeHtml(history.target)}; shaded: the fault${thinnedBy > 1 ? `; every ${thinnedBy}th good answer and every loss is drawn` : ""}.</figcaption>${svg}</figure>`;
}
