import { markdownTable } from "markdown-table";
import { type Figure, figuresOf } from "#harness/model/figures.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import type { Published } from "#harness/model/published.ts";
import { escapeHtml } from "./escape.ts";
import { bootstrapSeed, figuresHtml } from "./measurements-html.ts";
import { style } from "./style.ts";

/** Limitations of every figure published from this project's test machine. */
export const limits: readonly string[] = [
  "Two processor cores carry both clusters, their control planes and every client: work that waits for a processor here would not wait on real nodes.",
  "kind: nodes are containers on one host, so there is no physical network, and a packet between clusters takes microseconds.",
  "Two nodes and two backends per cluster, one service: larger clusters have more to update.",
  "All timestamps come from the clock of one machine.",
  "Probers, harness and echo backends run in real time (SCHED_FIFO); the components of the mesh share the two cores.",
];

/** The published measurements of one Cilium version, as a page. */
export function publishedHtml(published: Published): string {
  const { measurements } = published;
  const figures = figuresOf(measurements, bootstrapSeed);
  const [first] = figures;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Failover of Cilium Cluster Mesh ${escapeHtml(published.cilium)}</title><style>${style}</style></head><body>
<header class="passed"><h1>How long is a service down? Cilium ${escapeHtml(published.cilium)}</h1>
<p>${measurements.length} measured disturbances &middot; ${escapeHtml(published.publishedAt)}</p></header>
<section><p>${first === undefined ? "" : `${escapeHtml(first.setting.machine)}, kernel ${escapeHtml(first.setting.kernel)}, Kubernetes ${escapeHtml(first.setting.kubernetes)}, images from ${escapeHtml(first.setting.imageSource)}; method version ${first.method}; Meshproof ${escapeHtml(published.meshproof)}.`}</p>
<p>Reproduce: <code>${escapeHtml(published.command)}</code></p>
<p>Limits: ${published.limits.map(escapeHtml).join(" ")}</p>
${figuresHtml(figures, measurements)}
<h3>Scale to zero, by target cluster</h3><div class="wide"><table><tr><th>scenario</th><th>affinity</th><th>target cluster</th><th>runs</th><th>median ms</th><th>95 % interval</th><th>p95</th><th>max</th></tr>
${figures
  .flatMap((f) =>
    Object.entries(f.byStruck).map(
      ([struck, d]) =>
        `<tr><td>${escapeHtml(f.scenario)}</td><td>${f.affinity}</td><td>${escapeHtml(struck)}</td><td>${d.count}</td><td>${Math.round(d.median)}</td><td>${Math.round(d.medianLow)} to ${Math.round(d.medianHigh)}</td><td>${Math.round(d.p95)}</td><td>${Math.round(d.max)}</td></tr>`,
    ),
  )
  .join("\n")}</table></div></section></body></html>
`;
}

/** A row of the tables of figures, keyed by column. */
type Row = Readonly<Record<(typeof columns)[number], string>>;

const columns = [
  "Cilium",
  "what happens",
  "affinity",
  "failed of n",
  "outage, median (95 % interval)",
  "p95",
  "largest",
  "requests lost of 200/s",
  "explained",
] as const;

/** Rows of the table in the README: a failover, a lost node, a lost cluster. */
const headlines: readonly (readonly [scenario: string, affinity: string])[] = [
  ["scale to zero", "local"],
  ["node stopped", "none"],
  ["cluster lost", "remote"],
];

/** The table of `docs/results`: every published figure of every version. */
export const resultsTable = (all: readonly Published[]): string => tableOf(rowsOf(all), columns);

/** The README's table: the headline rows, without columns that need explanation. */
export function headlineTable(all: readonly Published[]): string {
  const rows = rowsOf(all).filter((row) =>
    headlines.some(([scenario, affinity]) => row["what happens"] === scenario && row.affinity === affinity),
  );
  return tableOf(
    rows,
    columns.filter((c) => c !== "p95" && c !== "explained"),
  );
}

const rowsOf = (all: readonly Published[]): Row[] =>
  all.flatMap((p) =>
    figuresOf(p.measurements, bootstrapSeed).map((f) => ({ Cilium: p.cilium, ...rowOf(f, p.measurements) })),
  );

function tableOf(rows: readonly Row[], shown: readonly (typeof columns)[number][]): string {
  return markdownTable([shown, ...rows.map((r) => shown.map((c) => r[c]))]);
}

function rowOf(f: Figure, measurements: readonly Measurement[]): Omit<Row, "Cilium"> {
  const { outageMs: d } = f;
  const failed = measurements.filter(
    (m) => m.scenario === f.scenario && m.affinity === f.affinity && m.outcome === "fail",
  ).length;
  const held = `not restored before the fault was removed${d === undefined ? "" : `, ${f.notRecovered} of ${f.runs}`}`;
  const outage =
    d === undefined
      ? held
      : d.max === 0
        ? "none"
        : `${time(d.median)} (${time(d.medianLow)} to ${time(d.medianHigh)})${f.notRecovered > 0 ? `; ${held}` : ""}`;
  return {
    "what happens": f.scenario,
    affinity: f.affinity,
    "failed of n": `${failed} of ${f.runs}`,
    "outage, median (95 % interval)": outage,
    p95: d === undefined ? "" : time(d.p95),
    largest: d === undefined ? "" : time(d.max),
    "requests lost of 200/s": `${f.lostMedian} (${f.lostMost})`,
    explained: f.explainedShare === undefined ? "" : `${Math.round(f.explainedShare * 100)} %`,
  };
}

function time(ms: number): string {
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
