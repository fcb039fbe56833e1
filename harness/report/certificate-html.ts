import { formatMs } from "#harness/lib/clock.ts";
import { describeSubstituted } from "#harness/model/artifacts.ts";
import type { Certificate } from "#harness/model/certificate.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import { answer, cost } from "./certificate-answer.ts";
import { costOf, coverageText, movesOf, percent } from "./certificate-facts.ts";
import { cyclePlot } from "./cycle-plot.ts";
import { escapeHtml } from "./escape.ts";
import { phasePlot } from "./phase-plot.ts";
import { style } from "./style.ts";
import { wideTable } from "./wide-table.ts";

const looks: Readonly<Record<Certificate["verdict"], string>> = {
  certified: "passed",
  "certified with findings": "passed",
  "not certified": "failed",
  unknown: "unknown",
};

const ownStyle = `
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(340px,1fr));gap:16px;margin-top:16px}
.cards>div{background:var(--card);border:1px solid var(--line);padding:2px 16px 10px}.cards h2{margin:.5em 0 .2em;border:0}
.answer{font-size:19px;font-weight:600;margin:.2em 0}ul{margin:.3em 0;padding-left:20px}li{margin:3px 0;overflow-wrap:anywhere}
.grade{font-size:12px;font-weight:600;padding:0 6px;border:1px solid currentColor;border-radius:8px;margin-right:4px}.serious{color:var(--bad)}.caution{color:var(--doubt)}.information{color:var(--dim)}
summary{cursor:pointer;margin:6px 0}`;

/**
 * One self-contained page. The first screen answers: may I, and what will it cost. Then the plot, then every move,
 * every finding and every phase.
 */
export function certificateHtml(c: Certificate): string {
  const title = `Cilium ${escapeHtml(c.from)} to ${escapeHtml(c.to)}: ${c.verdict}`;
  const labs = new Set(c.cycles.map((x) => x.lab)).size;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${title}</title><style>${style}${ownStyle}</style></head><body>
<header class="${lookOf(c)}"><h1>${title}</h1>
<p>Cluster Mesh of ${c.clusters.map((x) => escapeHtml(x.name)).join(" and ")} &middot; ${count(c.cycles.length, "cycle")} in ${count(labs, "lab")} &middot; ${escapeHtml(c.date)}${c.direction === "back" ? " &middot; from the moves back of the opposite upgrade" : ""}</p></header>
<section><div class="cards"><div><h2>May I?</h2>${answer(c)}</div><div><h2>What will it cost?</h2>${cost(c)}</div></div>
<h2>What clients saw</h2><figure>${cyclePlot(c)}<figcaption>Each row is a cycle. Orange: a cluster moves, up or back (arrows). Red: some path without an answer, drawn wide enough to be seen. Diamond: a packet got through that policy had to stop. Light grey: suites, beside which traffic is slower and not judged. Dark grey: not measured. ${escapeHtml(coverageText(c))}</figcaption></figure>
<h2>Moves to ${escapeHtml(c.to)}</h2>${movesTable(c, "own")}
${movesOf(c, "other").length === 0 ? "" : `<h2>The way back to ${escapeHtml(c.from)}</h2>${movesTable(c, "other")}`}
${c.reasons.length === 0 ? "" : `<h2>${c.verdict === "unknown" ? "Why it is unknown" : "Why it is not certified"}</h2>${list(c.reasons)}`}
<h2>Findings</h2>${c.findings.length === 0 ? "<p>None.</p>" : findings(c.findings)}
<h2>Cycles</h2>${cyclesTable(c)}
${c.cycles.map((cycle) => cycleSection(c, cycle)).join("\n")}
<h2>Components</h2>${components(c)}
${titled("Substitutions: refused modules and what was built instead", c.substitutions.map(describeSubstituted))}
${titled(`Suites that passed (${c.features.phase})`, c.features.supported)}
${titled("Unsupported, by name", c.features.unsupported)}
${titled("Skipped", c.features.skipped)}
<p>Profile ${escapeHtml(c.profile)}, kernel ${escapeHtml(c.kernel)}, ${escapeHtml(c.machine)}, Meshproof ${escapeHtml(c.harness)}. An outage of more than ${c.budgets.upgradeGapMs} ms on one path, or more than ${c.budgets.upgradeLostMs} ms lost in total in one phase, means that the upgrade is not certified.</p>
<p>Reproduce: <code>${escapeHtml(c.command)}</code></p></section></body></html>
`;
}

/** Green only where an operator may go on without a decision. */
const lookOf = (c: Certificate): string =>
  looks[c.verdict] === "passed" && c.findings.some((f) => f.grade === "serious")
    ? "unknown"
    : looks[c.verdict];

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

const list = (lines: readonly string[]): string =>
  `<ul>${lines.map((l) => `<li>${escapeHtml(l)}</li>`).join("")}</ul>`;

const titled = (title: string, lines: readonly string[]): string =>
  lines.length === 0 ? "" : `<h3>${escapeHtml(title)}</h3>${list(lines)}`;

/** What traffic lost within the budgets is in the tables of moves too. */
const losses = new Set(["requests-lost", "connection-ended", "lost-beside-suites", "lost-by-disturbance"]);

function findings(all: readonly CertificateFinding[]): string {
  const ofTraffic = all.filter((f) => losses.has(f.id));
  const others = all.filter((f) => !losses.has(f.id));
  return `${others.length === 0 ? "" : findingsTable(others)}${
    ofTraffic.length === 0
      ? ""
      : `<details><summary>${count(ofTraffic.length, "finding")} of traffic, by move and path</summary>${findingsTable(ofTraffic)}</details>`
  }`;
}

/** `few-cycles` asks for more measuring, not for a change of the mesh. */
const remedyWhen = ({ id }: CertificateFinding): string =>
  id === "few-cycles" ? "To be surer" : "Before the upgrade";

const findingsTable = (all: readonly CertificateFinding[]): string =>
  wideTable(
    ["grade", "what an operator should know"],
    all.map((f) => [
      `<span class="grade ${f.grade}">${f.grade}</span>`,
      `${escapeHtml(f.message)} <code>${escapeHtml(f.id)}</code>${f.remedy === undefined ? "" : `<br>${remedyWhen(f)}: ${escapeHtml(f.remedy)}`}`,
    ]),
  );

/** A row for each kind of move, over all cycles. */
function movesTable(c: Certificate, to: "own" | "other"): string {
  const kinds = Map.groupBy(movesOf(c, to), (p) => p.name);
  const bounds = new Map(c.bounds.map((b) => [b.moves, b.text]));
  return wideTable(
    [
      "move",
      "n",
      "took, median; longest",
      "requests lost",
      "longest gap",
      "kept TCP ended",
      ...(to === "own" ? ["bound"] : []),
    ],
    [...kinds].map(([name, moves]) => {
      const k = costOf(moves);
      return [
        escapeHtml(name),
        String(k.moves),
        `${formatMs(k.typicalMs)}; ${formatMs(k.longestMs)}`,
        k.lost === 0 ? "none" : `${k.lost} of ${k.sent}, in ${k.lossy} of ${k.moves} moves`,
        k.worst === undefined ? "&ndash;" : `${k.worst.gapMs} ms: ${escapeHtml(k.worst.path)}`,
        k.ended.tcp === 0 ? "&ndash;" : String(k.ended.tcp),
        ...(to === "own" ? [escapeHtml(bounds.get(name) ?? c.bounds[0]?.text ?? "")] : []),
      ];
    }),
  );
}

function cyclesTable(c: Certificate): string {
  const rows = c.cycles.map((x) => [
    String(x.cycle),
    escapeHtml(x.verdict),
    escapeHtml(x.date),
    `<code>${escapeHtml(x.lab)}</code>`,
    escapeHtml(x.order.join(", ")),
    formatMs(x.durationMs),
    percent(x.durationMs === 0 ? 0 : x.measuredMs / x.durationMs),
    x.interruptions.length === 0
      ? "&ndash;"
      : x.interruptions.map((i) => escapeHtml(`in "${i.phase}", ${formatMs(i.durationMs)}`)).join("; "),
    `<code>${escapeHtml(x.settingHash)}</code> <code>${escapeHtml(x.sourceHash)}</code> ${x.sourceTree}`,
  ]);
  const leftOut = c.leftOut.map((l) => `cycle ${l.of} of ${l.runId} is left out: ${l.why[0] ?? "unknown"}`);
  return `${wideTable(["cycle", "verdict", "date", "lab", "first order", "took", "measured", "interrupted", "setting, sources, tree"], rows)}${titled("Left out", leftOut)}`;
}

function cycleSection(c: Certificate, { cycle }: Certificate["cycles"][number]): string {
  const phases = c.phases.filter((p) => p.cycle === cycle);
  const windows = c.suiteWindows.filter((p) => p.cycle === cycle);
  return `<details><summary>Cycle ${cycle}: every phase</summary>
<figure>${phasePlot(c, cycle)}<figcaption>Numbers: the phases, as below. A red bar is a path without an answer; paths without a loss are not drawn. Orange: moves. Grey: suites, or not measured. Thin lines: changes of the mesh.</figcaption></figure>
${phases.map((p, i) => phaseSection(p, String(i + 1))).join("\n")}
${windows.map((w) => phaseSection(w, "")).join("\n")}</details>`;
}

function phaseSection(p: Certificate["phases"][number], number: string): string {
  const versions = Object.entries(p.versions)
    .map(([cluster, version]) => `${cluster} ${version}`)
    .join(", ");
  const disrupted = p.disruptions.filter((d) => d.lost > 0 || d.resets > 0);
  const whole = p.disruptions.length - disrupted.length;
  const suites = p.suites.map((s) => {
    const counts = Object.entries(s.tests).map(([outcome, n]) => `${n} ${outcome}`);
    return `${s.name}: ${counts.join(", ")}`;
  });
  return `<h3>${number === "" ? "" : `${number}. `}${escapeHtml(p.name)}</h3><p class="dim">${formatMs(p.durationMs)}, of which ${formatMs(p.measuredMs)} measured at the full rate; at its end ${escapeHtml(versions)}. ${p.deniedSent} requests that policy must drop were sent; ${p.leaks.reduce((n, l) => n + l.packets, 0)} of their packets leaked.</p>
${p.error === null ? "" : `<p class="fail">${escapeHtml(p.error)}</p>`}${p.harness.length === 0 ? "" : list(p.harness)}
${
  disrupted.length === 0
    ? ""
    : wideTable(
        [
          "path",
          "kind",
          "lost",
          "total ms",
          "longest gap ms",
          "connections ended",
          "what happened just before",
        ],
        disrupted.map((d) => [
          escapeHtml(d.path),
          d.kind,
          `${d.lost} of ${d.sent}`,
          d.lost === 0 ? "&ndash;" : String(d.lostMs),
          d.lost === 0 ? "&ndash;" : String(d.longestGapMs),
          d.resets === 0 ? "&ndash;" : String(d.resets),
          escapeHtml(d.outages[0]?.cause ?? ""),
        ]),
      )
}
<p>${whole === 0 ? "" : disrupted.length === 0 ? `Nothing was lost on any of the ${whole} paths.` : `Nothing was lost on the other ${whole} paths.`}</p>
${suites.length === 0 ? "" : `<p>${escapeHtml(suites.join("; "))}</p>`}
${p.events.length === 0 ? "" : `<details><summary>${p.events.length} events</summary><table>${p.events.map((e) => `<tr><td>${formatMs(e.afterMs)}</td><td>${escapeHtml(e.what)}</td></tr>`).join("")}</table></details>`}`;
}

function components(c: Certificate): string {
  return `${wideTable(
    ["cluster", "id", "Kubernetes", "nodes", "node image"],
    c.clusters.map((x) => [
      escapeHtml(x.name),
      String(x.id),
      escapeHtml(x.kubernetes),
      x.nodes.map(escapeHtml).join(", "),
      `${escapeHtml(x.nodeImage)}<br><code>${escapeHtml(x.nodeImageId)}</code>`,
    ]),
  )}${wideTable(
    ["Cilium", "image", "digest"],
    c.images.map((i) => [escapeHtml(i.version), escapeHtml(i.reference), `<code>${escapeHtml(i.id)}</code>`]),
  )}`;
}
