import { formatMs } from "#harness/lib/clock.ts";
import { describeSubstituted } from "#harness/model/artifacts.ts";
import type { Certificate, PhaseRecord } from "#harness/model/certificate.ts";
import { escapeHtml } from "./escape.ts";
import { phasePlot } from "./phase-plot.ts";
import { style } from "./style.ts";

const looks: Readonly<Record<Certificate["verdict"], string>> = {
  certified: "passed",
  "certified with findings": "passed",
  "not certified": "failed",
  unknown: "unknown",
};

/** One self-contained page: the verdict and its reasons, then the losses of each phase, then the components. */
export function certificateHtml(c: Certificate): string {
  const list = (title: string, lines: readonly string[]): string =>
    lines.length === 0
      ? ""
      : `<h3>${escapeHtml(title)}</h3><ul>${lines.map((l) => `<li>${escapeHtml(l)}</li>`).join("")}</ul>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Cilium ${escapeHtml(c.from)} to ${escapeHtml(c.to)}: ${c.verdict}</title><style>${style}</style></head><body>
<header class="${looks[c.verdict]}"><h1>Cilium ${escapeHtml(c.from)} to ${escapeHtml(c.to)}: ${c.verdict}</h1>
<p>Cluster Mesh of ${c.clusters.map((x) => escapeHtml(x.name)).join(" and ")}, upgraded in the order ${c.order.map(escapeHtml).join(", ")} &middot; ${escapeHtml(c.date)}</p></header>
<section>${list(c.verdict === "unknown" ? "Why it is unknown" : "Why it is not certified", c.reasons)}
${list("What to know before the upgrade", c.findings)}
<h2>What clients saw</h2><figure>${phasePlot(c)}<figcaption>Numbers: the phases, as below. A red bar is a path without an answer, drawn wide enough to be seen. Shaded: every other phase. Thin lines: Cilium pods that started or ended.</figcaption></figure>
${c.phases.map((p, i) => phaseSection(p, i + 1)).join("\n")}
<h2>Components</h2><div class="wide"><table><tr><th>cluster</th><th>id</th><th>Kubernetes</th><th>nodes</th><th>node image</th></tr>
${c.clusters.map((x) => `<tr><td>${escapeHtml(x.name)}</td><td>${x.id}</td><td>${escapeHtml(x.kubernetes)}</td><td>${x.nodes.map(escapeHtml).join(", ")}</td><td>${escapeHtml(x.nodeImage)}<br><code>${escapeHtml(x.nodeImageId)}</code></td></tr>`).join("\n")}</table></div>
<div class="wide"><table><tr><th>Cilium</th><th>image</th><th>digest</th></tr>
${c.images.map((i) => `<tr><td>${escapeHtml(i.version)}</td><td>${escapeHtml(i.reference)}</td><td><code>${escapeHtml(i.id)}</code></td></tr>`).join("\n")}</table></div>
${list("Substitutions: refused modules and what was built instead", (c.substitutions ?? []).map(describeSubstituted))}
${list(`Suites that passed (phase "${c.features.phase}")`, c.features.supported)}
${list("Unsupported, by name", c.features.unsupported)}
${list("Skipped", c.features.skipped)}
<p>Profile ${escapeHtml(c.profile)}, kernel ${escapeHtml(c.kernel)}, ${escapeHtml(c.machine)}, Meshproof ${escapeHtml(c.harness)}. An outage of more than ${c.budgets.upgradeGapMs} ms on one path, or more than ${c.budgets.upgradeLostMs} ms lost in total in one phase, means that the upgrade is not certified.</p>
<p>Reproduce: <code>${escapeHtml(c.command)}</code></p></section></body></html>
`;
}

function phaseSection(p: PhaseRecord, number: number): string {
  const versions = Object.entries(p.versions)
    .map(([cluster, version]) => `${cluster} ${version}`)
    .join(", ");
  const disrupted = p.disruptions.filter((d) => d.lost > 0 || d.resets > 0);
  const whole = p.disruptions.length - disrupted.length;
  const suites = p.suites.map((s) => {
    const counts = Object.entries(s.tests).map(([outcome, n]) => `${n} ${outcome}`);
    return `${s.name}: ${counts.join(", ")}`;
  });
  return `<h3>${number}. ${escapeHtml(p.name)}</h3><p class="dim">${formatMs(p.durationMs)}; at its end ${escapeHtml(versions)}. ${p.deniedSent} requests that policy must drop were sent; ${p.leaks.reduce((n, l) => n + l.packets, 0)} of their packets leaked.</p>
${p.error === null ? "" : `<p class="fail">${escapeHtml(p.error)}</p>`}
${
  disrupted.length === 0
    ? ""
    : `<div class="wide"><table><tr><th>path</th><th>kind</th><th>lost</th><th>total ms</th><th>longest gap ms</th><th>connections ended</th><th>what happened just before</th></tr>
${disrupted.map((d) => `<tr><td>${escapeHtml(d.path)}</td><td>${d.kind}</td><td>${d.lost} of ${d.sent}</td><td>${d.lost === 0 ? "&ndash;" : d.lostMs}</td><td>${d.lost === 0 ? "&ndash;" : d.longestGapMs}</td><td>${d.resets === 0 ? "&ndash;" : d.resets}</td><td>${escapeHtml(d.outages[0]?.cause ?? "")}</td></tr>`).join("\n")}</table></div>`
}
<p>${whole === 0 ? "" : disrupted.length === 0 ? `Nothing was lost on any of the ${whole} paths.` : `Nothing was lost on the other ${whole} paths.`}</p>
${suites.length === 0 ? "" : `<p>${escapeHtml(suites.join("; "))}</p>`}
${p.events.length === 0 ? "" : `<details><summary>${p.events.length} events</summary><table>${p.events.map((e) => `<tr><td>${formatMs(e.afterMs)}</td><td>${escapeHtml(e.what)}</td></tr>`).join("")}</table></details>`}`;
}
