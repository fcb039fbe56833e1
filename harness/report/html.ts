import { formatMs } from "#harness/lib/clock.ts";
import type { HealthCell } from "#harness/model/health-cell.ts";
import type { History } from "#harness/model/history.ts";
import type { RunRecord, SuiteRecord, TestRecord } from "#harness/model/record.ts";
import { escapeHtml } from "./escape.ts";
import { killMatrixSection } from "./kill-matrix-html.ts";
import { measurementsSection } from "./measurements-html.ts";
import { meshingSection } from "./meshing-html.ts";
import { style } from "./style.ts";

/** One self-contained page. `histories`: by file name, those that `drawnHistories` names, for the timelines. */
export function toHtml(run: RunRecord, histories: ReadonlyMap<string, History>): string {
  const t = run.totals;
  const verdict = run.exitCode === 0 ? "passed" : run.exitCode === 3 ? "unknown" : "failed";
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Meshproof ${escapeHtml(run.runId)}: ${verdict}</title><style>${style}</style></head><body>
<header class="${verdict}"><h1>Cluster Mesh ${verdict}</h1>
<p>${t.pass} passed, ${t.fail} failed, ${t.unknown} unknown, ${t.unsupported} unsupported, ${t.skipped} skipped${t.accepted === undefined ? "" : `, ${t.accepted} accepted failures`}${t.errors > 0 ? `, ${t.errors} set-up errors` : ""} &middot; ${formatMs(run.durationMs)} &middot; ${escapeHtml(run.startedAt)}</p>
${run.fault === null ? "" : `<p><strong>With fault ${escapeHtml(run.fault)}</strong>, injected after each suite's set-up.</p>`}${(run.unusedAccept ?? []).map((name) => `<p class="dim">--accept ${escapeHtml(name)}: no failure of this run needed it</p>`).join("")}</header>
<section><h2>The mesh</h2><table><tr><th>cluster</th><th>id</th><th>Cilium</th><th>Kubernetes</th><th>pod CIDR</th><th>service CIDR</th><th>nodes</th></tr>
${run.clusters.map((c) => `<tr><td>${escapeHtml(c.name)}</td><td>${c.id}</td><td>${escapeHtml(c.cilium)}</td><td>${escapeHtml(c.kubernetes)}</td><td>${escapeHtml(c.podCidr)}</td><td>${escapeHtml(c.serviceCidr)}</td><td>${c.nodes.map(escapeHtml).join("<br>")}</td></tr>`).join("\n")}
</table>${run.clusters.flatMap((c) => (c.notes ?? []).map((n) => `<p class="dim">${escapeHtml(c.name)}: ${escapeHtml(n)}</p>`)).join("")}<p>Kernel ${escapeHtml(run.kernel)}. Images: ${escapeHtml(run.imageSource)} (${escapeHtml(run.imageReason)}). Meshproof ${escapeHtml(run.meshproof)}.</p>
<p>Reproduce: <code>${escapeHtml(run.command)}</code></p></section>
${run.meshing === undefined ? "" : meshingSection(run.meshing)}
${run.killMatrix === undefined ? "" : killMatrixSection(run.killMatrix)}
${run.suites.map((s) => suiteSection(s, histories)).join("\n")}
<section><h2>Provenance</h2><details><summary>${run.provenance.length} parts</summary><table><tr><th>part</th><th>version</th><th>origin</th><th>checksum</th></tr>
${run.provenance.map((p) => `<tr><td>${escapeHtml(p.name)}</td><td>${escapeHtml(p.version)}</td><td>${escapeHtml(p.origin)}${(p.notes ?? []).map((n) => `<br>${escapeHtml(n)}`).join("")}</td><td><code>${escapeHtml(p.sum)}</code></td></tr>`).join("\n")}
</table></details><details><summary>budgets</summary><table>${Object.entries(run.budgets)
    .map(([k, v]) => `<tr><td>${escapeHtml(k)}</td><td>${v}</td></tr>`)
    .join("")}</table></details></section>
</body></html>
`;
}

function suiteSection(suite: SuiteRecord, histories: ReadonlyMap<string, History>): string {
  const cells = suite.tests.flatMap((t) => t.notes.healthCells ?? []);
  const findings = suite.findings ?? [];
  return `<section><h2>${escapeHtml(suite.name)}</h2><p>${escapeHtml(suite.goal)}<br><span class="dim">${escapeHtml(suite.method)}</span></p>
${suite.errors.map((e) => `<p class="fail">set-up or clean-up: <code>${escapeHtml(e)}</code></p>`).join("")}
${findings.length === 0 ? "" : `<h3>Diagnosis, root causes first</h3><ol>${findings.map((f) => `<li><strong>${escapeHtml(f.layer)}</strong>${f.severity === "broken" ? "" : ` (${f.severity})`}: ${escapeHtml(f.message)}<br><span class="dim">next: ${escapeHtml(f.next)}</span></li>`).join("")}</ol>`}
<table class="tests">${suite.tests.map(testRow).join("\n")}</table>
${cells.length === 0 ? "" : healthMatrix(cells)}
${measurementsSection(suite, histories)}</section>`;
}

/** An accepted failure is coloured as what does not count. */
const outcomeCell = ({ outcome, accepted }: TestRecord): string =>
  accepted === undefined
    ? `<td class="${outcome}">${outcome}</td>`
    : `<td class="skipped">${outcome}, accepted: ${escapeHtml(accepted)}</td>`;

function testRow(test: TestRecord): string {
  const facts = Object.entries(test.notes.facts ?? {});
  return `<tr>${outcomeCell(test)}<td>${escapeHtml(test.name)}${test.reasons.map((r) => `<div class="reason">${escapeHtml(r)}</div>`).join("")}${
    facts.length === 0
      ? ""
      : `<details><summary>${facts.length} figure${facts.length === 1 ? "" : "s"}</summary><table>${facts.map(([k, v]) => `<tr><td>${escapeHtml(k)}</td><td>${escapeHtml(String(v))}</td></tr>`).join("")}</table></details>`
  }</td><td class="dim">${formatMs(test.durationMs)}</td></tr>`;
}

/**
 * Rows are the probing nodes, columns the probed; four squares per cell: host ICMP and HTTP above, endpoint ICMP and
 * HTTP below.
 */
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
        const title = `${from} -> ${to}: ${path} ${state}${cell?.latencyMs == null ? "" : ` ${cell.latencyMs.toFixed(2)} ms`} ${cell?.detail ?? "not queried"}`;
        return `<rect x="${left + x * (size + 8) + (i % 2) * (size / 2)}" y="${top + y * (size + 8) + Math.floor(i / 2) * (size / 2)}" width="${size / 2 - 1}" height="${size / 2 - 1}" class="${state}"><title>${escapeHtml(title)}</title></rect>`;
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
  return `<figure><figcaption>Health matrix: rows are the probing nodes, columns the probed (${tos.map((t, i) => `${i + 1} ${escapeHtml(t)}`).join(", ")}); host above, endpoint below, ICMP left, HTTP right.</figcaption>
<svg viewBox="0 0 ${left + tos.length * (size + 8) + 20} ${height}" width="${left + tos.length * (size + 8) + 20}" role="img" aria-label="health matrix">${rows.join("")}${columns.join("")}${squares.join("")}</svg></figure>`;
}
