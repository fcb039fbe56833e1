import { formatMs } from "#harness/core/clock.ts";
import type { HealthCell } from "#harness/core/health-cell.ts";
import type { History } from "#harness/core/history.ts";
import type { RunRecord, SuiteRecord, TestRecord } from "#harness/core/record.ts";
import { escapeHtml } from "./escape.ts";
import { killMatrixSection } from "./kill-matrix-html.ts";

/** One self-contained page. `histories` by file name, for the timelines. */
export function toHtml(run: RunRecord, histories: ReadonlyMap<string, History>): string {
  const t = run.totals;
  const verdict = run.exitCode === 0 ? "passed" : run.exitCode === 3 ? "unknown" : "failed";
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Meshproof ${escapeHtml(run.runId)}: ${verdict}</title><style>${style}</style></head><body>
<header class="${verdict}"><h1>Cluster Mesh ${verdict}</h1>
<p>${t.pass} passed, ${t.fail} failed, ${t.unknown} unknown, ${t.unsupported} unsupported, ${t.skipped} skipped${t.errors > 0 ? `, ${t.errors} set-up errors` : ""} &middot; ${formatMs(run.durationMs)} &middot; ${escapeHtml(run.startedAt)}</p>
${run.fault === null ? "" : `<p><strong>With fault ${escapeHtml(run.fault)}</strong>, injected after each suite's set-up.</p>`}</header>
<section><h2>The mesh</h2><table><tr><th>cluster</th><th>id</th><th>Cilium</th><th>Kubernetes</th><th>pod CIDR</th><th>service CIDR</th><th>nodes</th></tr>
${run.clusters.map((c) => `<tr><td>${escapeHtml(c.name)}</td><td>${c.id}</td><td>${escapeHtml(c.cilium)}</td><td>${escapeHtml(c.kubernetes)}</td><td>${escapeHtml(c.podCidr)}</td><td>${escapeHtml(c.serviceCidr)}</td><td>${c.nodes.map(escapeHtml).join("<br>")}</td></tr>`).join("\n")}
</table><p>Kernel ${escapeHtml(run.kernel)}. Images: ${escapeHtml(run.imageSource)} (${escapeHtml(run.imageReason)}). Meshproof ${escapeHtml(run.meshproof)}.</p>
<p>Reproduce: <code>${escapeHtml(run.command)}</code></p></section>
${run.killMatrix === undefined ? "" : killMatrixSection(run.killMatrix)}
${run.suites.map((s) => suiteSection(s, histories)).join("\n")}
<section><h2>Where everything came from</h2><details><summary>${run.provenance.length} parts</summary><table><tr><th>part</th><th>version</th><th>origin</th><th>checksum</th></tr>
${run.provenance.map((p) => `<tr><td>${escapeHtml(p.name)}</td><td>${escapeHtml(p.version)}</td><td>${escapeHtml(p.origin)}${(p.notes ?? []).map((n) => `<br>${escapeHtml(n)}`).join("")}</td><td><code>${escapeHtml(p.sum)}</code></td></tr>`).join("\n")}
</table></details><details><summary>budgets</summary><table>${Object.entries(run.budgets)
    .map(([k, v]) => `<tr><td>${escapeHtml(k)}</td><td>${v}</td></tr>`)
    .join("")}</table></details></section>
</body></html>
`;
}

function suiteSection(suite: SuiteRecord, histories: ReadonlyMap<string, History>): string {
  const cells = suite.tests.flatMap((t) => t.notes.healthCells ?? []);
  return `<section><h2>${escapeHtml(suite.name)}</h2><p>${escapeHtml(suite.goal)}<br><span class="dim">${escapeHtml(suite.method)}</span></p>
${suite.errors.map((e) => `<p class="fail">set-up or clean-up: <code>${escapeHtml(e)}</code></p>`).join("")}
${(suite.findings ?? []).length === 0 ? "" : `<h3>Diagnosis, the deepest cause first</h3><ol>${suite.findings!.map((f) => `<li><strong>${escapeHtml(f.layer)}</strong>${f.severity === "suspect" ? " (suspect)" : ""}: ${escapeHtml(f.message)}<br><span class="dim">next: ${escapeHtml(f.next)}</span></li>`).join("")}</ol>`}
<table class="tests">${suite.tests.map(testRow).join("\n")}</table>
${cells.length === 0 ? "" : healthMatrix(cells)}
${suite.tests
  .flatMap((t) => t.notes.histories ?? [])
  .map((f) => timeline(f, histories.get(f)))
  .join("\n")}</section>`;
}

function testRow(test: TestRecord): string {
  const facts = Object.entries(test.notes.facts ?? {});
  return `<tr><td class="${test.outcome}">${test.outcome}</td><td>${escapeHtml(test.name)}${test.reasons.map((r) => `<div class="reason">${escapeHtml(r)}</div>`).join("")}${
    facts.length === 0
      ? ""
      : `<details><summary>${facts.length} figure${facts.length === 1 ? "" : "s"}</summary><table>${facts.map(([k, v]) => `<tr><td>${escapeHtml(k)}</td><td>${escapeHtml(String(v))}</td></tr>`).join("")}</table></details>`
  }</td><td class="dim">${formatMs(test.durationMs)}</td></tr>`;
}

const cellColour: Readonly<Record<HealthCell["state"], string>> = {
  ok: "#2e7d32",
  failed: "#c62828",
  unknown: "#ef6c00",
  stale: "#f9a825",
};

/** Rows ask, columns answer; four squares a cell: host ICMP and HTTP above, endpoint ICMP and HTTP below. */
function healthMatrix(cells: readonly HealthCell[]): string {
  const froms = [...new Set(cells.map((c) => c.from))].sort();
  const tos = [...new Set(cells.map((c) => c.to))].sort();
  const size = 28;
  const left = 330;
  const top = 20;
  const order: readonly HealthCell["path"][] = ["host ICMP", "host HTTP", "endpoint ICMP", "endpoint HTTP"];
  const squares = froms.flatMap((from, y) =>
    tos.flatMap((to, x) =>
      order.map((path, i) => {
        const cell = cells.find((c) => c.from === from && c.to === to && c.path === path);
        const state = cell?.state ?? "unknown";
        const title = `${from} -> ${to}: ${path} ${state}${cell?.latencyMs == null ? "" : ` ${cell.latencyMs.toFixed(2)} ms`} ${cell?.detail ?? "not asked"}`;
        return `<rect x="${left + x * (size + 8) + (i % 2) * (size / 2)}" y="${top + y * (size + 8) + Math.floor(i / 2) * (size / 2)}" width="${size / 2 - 1}" height="${size / 2 - 1}" fill="${cellColour[state]}"><title>${escapeHtml(title)}</title></rect>`;
      }),
    ),
  );
  const rows = froms.map(
    (f, y) =>
      `<text x="${left - 8}" y="${top + y * (size + 8) + size / 2 + 4}" text-anchor="end">${escapeHtml(f)}</text>`,
  );
  const columns = tos.map(
    (_, x) => `<text x="${left + x * (size + 8) + size / 2}" y="14" text-anchor="middle">${x + 1}</text>`,
  );
  const height = top + froms.length * (size + 8) + 8;
  return `<figure><figcaption>Health matrix: rows ask, columns answer (${tos.map((t, i) => `${i + 1} ${escapeHtml(t)}`).join(", ")}); host above, endpoint below, ICMP left, HTTP right.</figcaption>
<svg viewBox="0 0 ${left + tos.length * (size + 8) + 20} ${height}" width="${left + tos.length * (size + 8) + 20}" role="img" aria-label="health matrix">${rows.join("")}${columns.join("")}${squares.join("")}</svg></figure>`;
}

const clusterColours = ["#1565c0", "#00897b", "#6a1b9a", "#5d4037"];

/** Each request a mark at the time it was sent: latency above, lost requests below the axis, the fault's window shaded. */
function timeline(file: string, history: History | undefined): string {
  if (history === undefined) return `<p class="fail">history ${escapeHtml(file)} is not there</p>`;
  const width = 1000;
  const height = 150;
  const axis = 110;
  const clusters = [...new Set(history.samples.map((s) => s.cluster).filter((c) => c !== undefined))].sort();
  const fromMs = Math.max(0, (history.marks[0]?.atMs ?? 0) - 1500);
  const untilMs = history.samples.at(-1)?.sentMs ?? 1;
  const x = (ms: number): string => (((ms - fromMs) / (untilMs - fromMs)) * (width - 20) + 10).toFixed(1);
  const shown = history.samples.filter((s) => s.sentMs >= fromMs);
  const dots = shown.map((s) => {
    if (s.outcome !== "ok")
      return `<rect x="${x(s.sentMs)}" y="${axis + 4}" width="1.2" height="22" fill="#c62828"><title>${s.sentMs.toFixed(0)} ms: ${s.outcome} ${escapeHtml(s.detail ?? "")}</title></rect>`;
    const latency = Math.min(80, Math.log10(1 + (s.endMs - s.sentMs)) * 30);
    const colour = clusterColours[clusters.indexOf(s.cluster ?? "")] ?? "#757575";
    return `<rect x="${x(s.sentMs)}" y="${(axis - 4 - latency).toFixed(1)}" width="1.2" height="4" fill="${colour}"/>`;
  });
  const [away, back] = history.marks;
  const window =
    away === undefined
      ? ""
      : `<rect x="${x(away.atMs)}" y="6" width="${Number(x(back?.atMs ?? untilMs)) - Number(x(away.atMs))}" height="${axis + 24}" fill="#ffcdd2" opacity="0.5"/>`;
  const marks = history.marks.map(
    (m) =>
      `<line x1="${x(m.atMs)}" x2="${x(m.atMs)}" y1="6" y2="${axis + 26}" stroke="#b71c1c" stroke-dasharray="3"/><text x="${Number(x(m.atMs)) + 3}" y="14">${escapeHtml(m.name)}</text>`,
  );
  const ticks: string[] = [];
  for (let ms = Math.ceil(fromMs / 1000) * 1000; ms < untilMs; ms += 1000)
    ticks.push(`<text x="${x(ms)}" y="${height - 4}" text-anchor="middle">${(ms / 1000).toFixed(0)}s</text>`);
  const lost = shown.filter((s) => s.outcome !== "ok").length;
  return `<figure><figcaption>${escapeHtml(history.title)}: one new connection every ${history.everyMs} ms from ${escapeHtml(history.vantage)} to ${escapeHtml(history.target)}. ${clusters.map((c, i) => `<span style="color:${clusterColours[i]}">&#9632; ${escapeHtml(c)}</span>`).join(" ")} <span style="color:#c62828">&#9632; lost (${lost})</span>; height is latency (log), the shaded stretch is the fault.</figcaption>
<svg viewBox="0 0 ${width} ${height}" width="100%" role="img" aria-label="${escapeHtml(history.title)}">${window}<line x1="10" x2="${width - 10}" y1="${axis}" y2="${axis}" stroke="#9e9e9e"/>${dots.join("")}${marks.join("")}${ticks.join("")}</svg></figure>`;
}

const style = `
body{font:15px/1.45 system-ui,sans-serif;margin:0;color:#212121;background:#fafafa}section,header{max-width:1060px;margin:0 auto;padding:10px 24px}
header{border-left:12px solid #757575;background:#fff;margin-top:16px}header.passed{border-color:#2e7d32}header.failed{border-color:#c62828}header.unknown{border-color:#ef6c00}
h1{margin:.2em 0}h2{margin:1.2em 0 .3em;border-bottom:1px solid #ddd}table{border-collapse:collapse;width:100%}td,th{padding:4px 8px;text-align:left;vertical-align:top;border-bottom:1px solid #eee}
.tests td:first-child{width:90px;font-weight:600}td.pass{color:#2e7d32}td.fail,.fail{color:#c62828}td.unknown{color:#ef6c00}td.unsupported,td.skipped,.dim{color:#757575}
.reason{font-family:ui-monospace,monospace;font-size:13px;white-space:pre-wrap;background:#fff3e0;padding:2px 6px;margin-top:3px}code{background:#eee;padding:1px 4px;overflow-wrap:anywhere}
figure{margin:16px 0;background:#fff;padding:8px;border:1px solid #e0e0e0}figcaption{font-size:13px;color:#424242}svg text{font:11px system-ui,sans-serif;fill:#424242}`;
