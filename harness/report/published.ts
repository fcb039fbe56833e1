import { median } from "#harness/lib/stats.ts";
import { type Figure, figuresOf, labOf } from "#harness/model/figures.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import { columns, type JudgedRun, type Published, rowNameOf } from "#harness/model/published.ts";
import { escapeHtml } from "./escape.ts";
import { rowsOf } from "./figure-rows.ts";
import { duration, withoutLab } from "./figure-text.ts";
import { figuresHtml } from "./figures-html.ts";
import { bootstrapSeed } from "./measurements-html.ts";
import { style } from "./style.ts";
import { wideTextTable } from "./wide-table.ts";

/** Limitations of every figure published from this project's test machine, and how to read them. */
export const limits: readonly string[] = [
  "Two processor cores carry both clusters, their control planes and every client: work that waits for a processor here would not wait on real nodes.",
  "kind: nodes are containers on one host, so there is no physical network, and a packet between clusters takes microseconds.",
  "Two nodes and two backends per cluster, one service: larger clusters have more to update.",
  "All timestamps come from the clock of one machine.",
  "A tuned lab leaves out delays of Kubernetes and of the machine that hide what Cilium does; most of what is left can still be Kubernetes', as the links show. In it the EndpointSlice controller batches changes for 100 ms instead of backing off, etcd does not wait for the disk, echo backends run in real time (SCHED_FIFO), Hubble is off. In the campaigns 1.19.7-tuned, 1.20.2-tuned and 1.20.2-applications only those backends did that ran when a measurement began: a backend that starts later, in a restart, a roll-out or after healing, can wait seconds for a processor there, and requests to it count as lost. An untuned lab has Kubernetes' defaults, real fsync, backends without real-time scheduling and Hubble as in the chart: it answers what a client of such a cluster on this machine sees. Neither has Envoy.",
  "Probers and harness run in real time in both: they are the instrument.",
];

/** What the pages say before there are figures. */
export const notMeasured = "Figures of method 3 are not measured yet.";

/** The published measurements of one Cilium version, as a page. */
export function publishedHtml(published: Published): string {
  const { measurements } = published;
  const figures = figuresOf(measurements, bootstrapSeed);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Failover of Cilium Cluster Mesh ${escapeHtml(published.cilium)}</title><style>${style}</style></head><body>
<header><h1>Failover of Cilium ${escapeHtml(published.cilium)}: what clients lost in these labs</h1>
<p>${measurements.length} measured disturbances &middot; ${escapeHtml(published.publishedAt)}</p></header>
<section>${settingsHtml(published, figures)}
<p>Reproduce: check out the commit that measured, then ${published.campaigns.map(({ command }) => `<code>${escapeHtml(command)} --part again</code>`).join(", ")}</p>
<p>Limits: ${published.limits.map(escapeHtml).join(" ")}</p>
<h3>Every row</h3>${wideTextTable(
    columns,
    rowsOf(published).map(({ row }) => columns.map((c) => row[c])),
  )}
${figuresHtml(figures, measurements)}
${judgedHtml(published)}
${attemptsHtml(published)}
${spoiledHtml(published)}</section></body></html>
`;
}

/** Each setting, by its hash, with the range of its labs' calibration task. */
function settingsHtml(
  { meshproof, missingCommits, campaigns, measurements }: Published,
  figures: readonly Figure[],
): string {
  const settings = Map.groupBy(figures, (f) => `${f.settingHash} ${f.sourceHash}`);
  const lines = [...settings.values()].flatMap((of) => {
    const [f] = of;
    if (f === undefined) return [];
    const { machine, kernel, kubernetes, imageSource } = f.setting;
    const calibrations = of.flatMap((figure) => figure.calibrationMs ?? []);
    const [fastest, slowest] = [Math.min(...calibrations), Math.max(...calibrations)];
    const calibration =
      calibrations.length === 0
        ? ""
        : `; the calibration task took ${duration(fastest)} to ${duration(slowest)}`;
    return [
      `<li>${f.tuned === true ? "tuned" : "untuned"}, application ${f.application ?? "default"}, ${of.length} row${of.length === 1 ? "" : "s"}: ${escapeHtml(machine)}, kernel ${escapeHtml(kernel)}, Kubernetes ${escapeHtml(kubernetes)}, images from ${escapeHtml(imageSource)}; setting ${f.settingHash?.slice(0, 12)}, sources ${f.sourceHash?.slice(0, 12)}, method ${f.method}${calibration}</li>`,
    ];
  });
  const times = measurements.map((m) => m.at).sort();
  const commits = [...new Set(measurements.flatMap((m) => m.campaign?.commit ?? []))];
  return `<ul>${lines.join("\n")}</ul><p>Measured by Meshproof ${commits.map(escapeHtml).join(", ")}, published by ${escapeHtml(meshproof)} (commits of equal sources${missingCommits.length === 0 ? "" : `; this repository does not have ${missingCommits.map(escapeHtml).join(", ")}, so nothing shows what it changed besides them`}); series ${campaigns.map(({ series }) => escapeHtml(series)).join(", ")}.</p>
<p>From ${escapeHtml(times[0] ?? "")} to ${escapeHtml(times.at(-1) ?? "")}, on one host: intervals cover labs, not days or machines, and assume that labs differ by chance only. The table shows where they do not.</p>
<h3>Each lab, in the order of time</h3>${wideTextTable(labColumns, labRows(measurements))}`;
}

const labColumns = [
  "lab",
  "setting",
  "from",
  "runs",
  "failed",
  "undecided",
  "calibration task",
  "p99 before the fault, median",
];

/** A slow drift, or another state of the machine, shows here. */
function labRows(measurements: readonly Measurement[]): string[][] {
  return [...Map.groupBy(measurements, labOf)]
    .map(([lab, of]) => {
      const p99 = of.flatMap((m) => m.before.latency?.p99Ms ?? []);
      const [m] = of;
      return [
        lab,
        m?.tuned === true ? "tuned" : "untuned",
        of.map((run) => run.at).sort()[0] ?? "",
        `${of.length}`,
        ...["fail", "unknown"].map((outcome) => `${of.filter((run) => run.outcome === outcome).length}`),
        m?.calibrationMs === undefined ? "not timed" : duration(m.calibrationMs),
        p99.length === 0 ? "none answered" : duration(median(p99)),
      ];
    })
    .sort((a, b) => ((a[2] ?? "") < (b[2] ?? "") ? -1 : 1));
}

function judgedHtml({ judged, measurements }: Published): string {
  const title = "Runs that failed or are undecided, and those whose verdict the present rule changes";
  if (judged.length === 0) return `<p>${title}: none.</p>`;
  return `<h3>${title}</h3><p>Every loss record is judged by the rule of the commit that published; the verdict of the time of measuring stands in the series.</p>${listHtml(
    judged.map((run) => {
      const measured = measurements.find((m) => m.runId === run.runId && m.at === run.at);
      return `${judgedText(run)}${measured === undefined ? "" : aboutRun(measured)}`;
    }),
  )}`;
}

const verdictWords = { pass: "passed", fail: "failed", unknown: "undecided" } as const;

/** `scale to zero, local, exits, tuned, run 3, AT: failed -> undecided: REASONS`. */
export function judgedText(run: JudgedRun): string {
  const { was, now, at, reasons } = run;
  const verdict = was === now ? verdictWords[now] : `${verdictWords[was]} -> ${verdictWords[now]}`;
  return `${rowNameOf(run)}, run ${run.run}, ${at}: ${[verdict, withoutLab(reasons.join("; "))].filter((t) => t !== "").join(": ")}`;
}

function attemptsHtml({ campaigns }: Published): string {
  const title = "Attempts without a figure";
  const attempts = campaigns.flatMap(({ rows }) =>
    rows.flatMap((row) =>
      row.withoutFigure.map(
        ({ run, at, reasons }) => `${rowNameOf(row)}, run ${run}, ${at}: ${reasons.join("; ")}`,
      ),
    ),
  );
  if (attempts.length === 0) return `<p>${title}: none.</p>`;
  return `<h3>${title}</h3>${listHtml(attempts)}`;
}

/** What decides whether the machine may be the cause, and where most was lost. */
function aboutRun({ before, away, others }: Measurement): string {
  const points = [{ ...away, title: "the main vantage point" }, ...others];
  const worst = points.reduce((most, p) => (p.lostTimeMs > most.lostTimeMs ? p : most));
  const p99 = before.latency?.p99Ms;
  return ` (p99 before the fault ${p99 === undefined ? "unknown" : duration(p99)}; most lost time during the fault: ${duration(worst.lostTimeMs)}, ${withoutLab(worst.title)})`;
}

const listHtml = (entries: readonly string[]): string =>
  `<ul>${entries.map((entry) => `<li>${escapeHtml(entry)}</li>`).join("\n")}</ul>`;

function spoiledHtml({ spoiled }: Published): string {
  if (spoiled.length === 0)
    return "<p>No measurement was spoiled by lateness, stalls or clock error of a prober, or by disturbances of the host.</p>";
  const entries = spoiled.map(
    (s) =>
      `${rowNameOf(s)}, ${s.at}: ${s.outcome}, outage ${s.censored ? "> " : ""}${duration(s.outageMs)}; ${s.why.join("; ")}`,
  );
  return `<h3>Spoiled by the test machine</h3><p>These measurements are not in the figures; how long each outage was shows what that leaves out.</p>${listHtml(entries)}`;
}
