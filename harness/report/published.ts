import { type Figure, figuresOf } from "#harness/model/figures.ts";
import type { Published } from "#harness/model/published.ts";
import { escapeHtml } from "./escape.ts";
import { bootstrapSeed, figuresHtml } from "./measurements-html.ts";
import { style } from "./style.ts";

/** What every published figure of this project's machine is limited by. */
export const limits: readonly string[] = [
  "Two processor cores carry both clusters, their control planes and every client: what waits for a processor here would not on real nodes.",
  "kind: nodes are containers of one host, so there is no physical network, and a packet between clusters takes microseconds.",
  "Two nodes and two backends per cluster, one service: larger clusters have more to update.",
  "One clock: every stamp is of the same machine.",
  "Probers, harness and echo backends run in real time (SCHED_FIFO); what belongs to the mesh shares the two cores.",
];

/** `published` of one Cilium version, as a page. */
export function publishedHtml(published: Published): string {
  const { measurements } = published;
  const figures = figuresOf(measurements, bootstrapSeed);
  const [setting] = figures.map((f) => f.setting);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Failover of Cilium Cluster Mesh ${escapeHtml(published.cilium)}</title><style>${style}</style></head><body>
<header class="passed"><h1>How long is a service down? Cilium ${escapeHtml(published.cilium)}</h1>
<p>${measurements.length} measured disturbances &middot; ${escapeHtml(published.publishedAt)}</p></header>
<section><p>${setting === undefined ? "" : `${escapeHtml(setting.machine)}, kernel ${escapeHtml(setting.kernel)}, Kubernetes ${escapeHtml(setting.kubernetes)}, images from ${escapeHtml(setting.imageSource)}; method version ${figures[0]!.method}; Meshproof ${escapeHtml(published.meshproof)}.`}</p>
<p>Reproduce: <code>${escapeHtml(published.command)}</code></p>
<p>Limits: ${published.limits.map(escapeHtml).join(" ")}</p>
${figuresHtml(figures, measurements)}
<h3>Scale to zero, by the cluster that was struck</h3><div class="wide"><table><tr><th>scenario</th><th>affinity</th><th>struck</th><th>runs</th><th>median ms</th><th>95 % interval</th><th>p95</th><th>most</th></tr>
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

/** The README's table, from every published version. */
export function publishedTable(all: readonly Published[]): string {
  const rows = all.flatMap((p) =>
    figuresOf(p.measurements, bootstrapSeed).map((f) => [p.cilium, ...rowOf(f)]),
  );
  const head = [
    "Cilium",
    "what happens",
    "affinity",
    "runs",
    "outage, median (95 % interval)",
    "p95",
    "most",
    "requests lost of 200/s",
    "explained",
  ];
  // As a formatter of Markdown leaves it.
  const widths = head.map((h, i) => Math.max(h.length, ...rows.map((r) => r[i]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((c, i) => c.padEnd(widths[i]!)).join(" | ")} |`;
  const rule = widths.map((w) => "-".repeat(w));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

function rowOf(f: Figure): string[] {
  const { outageMs: d } = f;
  const held = `not back while it lasted${d === undefined ? "" : `, ${f.notRecovered} of ${f.runs}`}`;
  const outage =
    d === undefined
      ? held
      : d.max === 0
        ? "none"
        : `${time(d.median)} (${time(d.medianLow)} to ${time(d.medianHigh)})${f.notRecovered > 0 ? `; ${held}` : ""}`;
  return [
    f.scenario,
    f.affinity,
    String(f.runs),
    outage,
    d === undefined ? "" : time(d.p95),
    d === undefined ? "" : time(d.max),
    `${f.lostMedian} (${f.lostMost})`,
    f.explainedShare === undefined ? "" : `${Math.round(f.explainedShare * 100)} %`,
  ];
}

function time(ms: number): string {
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
