import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { found } from "#harness/lib/found.ts";
import { visible } from "#harness/lib/visible.ts";
import { type Figure, isCensored, poolOf } from "#harness/model/figures.ts";
import type { History, Sample } from "#harness/model/history.ts";
import { givesFigures, type Measurement } from "#harness/model/measurement.ts";

/** Colours legible on light and dark pages; text and axes use the page's colour. */
const clusterColours = ["#3b82f6", "#10b981", "#a855f7", "#b45309"] as const;
export const lossColour = "#ef4444";
export const accent = "#f59e0b";

const { document } = parseHTML("<!doctype html><html><body></body></html>");

export function draw(options: Plot.PlotOptions): string {
  return visible(Plot.plot({ document: document as never, ...options }).outerHTML);
}

/** A long history has more good answers than the plot has columns: they are thinned out, losses never. */
const mostMarks = 3000;

/**
 * One mark per request at its send time, in the row of the cluster that answered or of the kind of loss. The fault's
 * window is shaded, boundaries are labelled lines. Zero is the beginning of the fault.
 */
export function timelinePlot(
  history: History,
  measurement: Omit<Measurement, "outcome"> | undefined,
): { svg: string; thinnedBy: number } {
  const [begun, healing] = history.marks;
  const zeroMs = begun?.atMs ?? 0;
  const lastMs = last(history)?.sentMs ?? 0;
  const windowEndMs = healing?.atMs ?? lastMs;
  const from = zeroMs - 700;
  const until = Math.min(lastMs, windowEndMs + 1500);
  const rows: { ms: number; row: string; lost: boolean }[] = [];
  let good = 0;
  for (const s of history.samples) {
    if (s.sentMs < from || s.sentMs > until) continue;
    if (s.outcome === "ok") good += 1;
  }
  const thinnedBy = Math.max(1, Math.ceil(good / mostMarks));
  let nth = 0;
  for (const s of history.samples) {
    if (s.sentMs < from || s.sentMs > until) continue;
    if (s.outcome === "ok" && nth++ % thinnedBy !== 0) continue;
    rows.push({ ms: s.sentMs - zeroMs, row: rowOf(s), lost: s.outcome !== "ok" });
  }
  const answered = [...new Set(rows.filter((r) => !r.lost).map((r) => r.row))].sort();
  const lost = [...new Set(rows.filter((r) => r.lost).map((r) => r.row))].sort();
  const labels = (measurement?.phases.seen ?? []).flatMap(({ afterMs: ms, boundary: label }) =>
    ms === null ? [] : [{ ms, label }],
  );
  const domain = [...answered, ...lost];
  return {
    thinnedBy,
    svg: draw({
      width: 1000,
      height: 70 + 26 * domain.length + 15 * labels.length,
      marginLeft: 130,
      marginRight: 30,
      marginTop: 12 + 15 * labels.length,
      x: { label: "ms since the fault began", domain: [from - zeroMs, until - zeroMs], grid: true },
      y: { type: "band", domain, label: null, padding: 0.25 },
      color: {
        domain,
        range: [
          ...answered.map((_, i) => found(clusterColours[i % clusterColours.length], "colour of a cluster")),
          ...lost.map(() => lossColour),
        ],
      },
      marks: [
        Plot.rectX([{ x1: 0, x2: windowEndMs - zeroMs }], {
          x1: "x1",
          x2: "x2",
          fill: accent,
          fillOpacity: 0.12,
        }),
        Plot.tickX(rows, { x: "ms", y: "row", stroke: "row", strokeWidth: 1 }),
        Plot.ruleX(labels, { x: "ms", stroke: "currentColor", strokeOpacity: 0.7, strokeDasharray: "3,3" }),
        // Each on its own line: boundaries are milliseconds apart.
        ...labels.map((l, i) =>
          Plot.text([l], {
            x: "ms",
            frameAnchor: "top",
            dy: -8 - 15 * (labels.length - 1 - i),
            dx: 4,
            text: () => `${l.label} ${l.ms.toFixed(0)} ms`,
            textAnchor: "start",
            fill: "currentColor",
          }),
        ),
      ],
    }),
  };
}

function rowOf(s: Sample): string {
  return s.outcome === "ok" ? `by ${s.cluster ?? s.servedBy ?? "?"}` : s.outcome;
}

function last(history: History): Sample | undefined {
  let latest: Sample | undefined;
  for (const s of history.samples) latest = s;
  return latest;
}

/**
 * A row for each figure: every repetition a tick, the median a dot, its interval a bar. A run whose losses were not over
 * is a tick at its lower bound, in the colour of losses.
 */
export function distributionPlot(figures: readonly Figure[], measurements: readonly Measurement[]): string {
  const pools = Map.groupBy(measurements.filter(givesFigures), poolOf);
  // In the order of the first appearance, as the figures are.
  const ticks = figures.flatMap((f) =>
    (pools.get(f.pool) ?? []).map((m) => ({
      row: rowTitle(f),
      ms: m.away.outageMs,
      open: isCensored(m.away),
    })),
  );
  const shown = figures.flatMap((f) =>
    f.away === undefined ? [] : [{ row: rowTitle(f), ...f.away.outageMs }],
  );
  const domain = shown.map(({ row }) => row);
  return draw({
    width: 1000,
    height: 60 + 30 * domain.length,
    marginLeft: 340,
    marginRight: 40,
    x: { type: "sqrt", label: "outage at the main vantage point, ms", ticks: 6, grid: true, zero: true },
    y: { type: "band", domain, label: null, padding: 0.3 },
    marks: [
      Plot.tickX(ticks, {
        x: "ms",
        y: "row",
        stroke: (t: { open: boolean }) => (t.open ? lossColour : clusterColours[0]),
        strokeOpacity: 0.6,
        strokeWidth: 1.5,
      }),
      Plot.ruleY(
        shown.flatMap(({ row, interval }) =>
          interval === undefined || interval.low === null || interval.high === null
            ? []
            : [{ row, low: interval.low, high: interval.high }],
        ),
        { x1: "low", x2: "high", y: "row", stroke: accent, strokeWidth: 5, strokeOpacity: 0.55 },
      ),
      Plot.dot(
        shown.flatMap(({ row, median }) => (median === null ? [] : [{ row, ms: median }])),
        { x: "ms", y: "row", fill: accent, stroke: "currentColor", r: 4.5 },
      ),
    ],
  });
}

const rowTitle = (f: Figure): string =>
  [
    f.scenario,
    f.affinity,
    ...(f.application === undefined ? [] : [f.application]),
    ...(f.tuned === undefined ? [] : [f.tuned ? "tuned" : "untuned"]),
  ].join(", ");
