import type { Distribution } from "#harness/lib/distribution.ts";
import type { Figure } from "#harness/model/figures.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import { escapeHtml } from "./escape.ts";
import {
  accountedText,
  duration,
  largestText,
  largestValue,
  medianAndLargest,
  medianText,
  noneLost,
} from "./figure-text.ts";
import { distributionPlot } from "./plots.ts";

const none = "–";

/** The distributions over repetitions, as a plot and as tables. */
export function figuresHtml(figures: readonly Figure[], measurements: readonly Measurement[]): string {
  return `<h3>How long clients were without the service</h3>
<figure>${distributionPlot(figures, measurements)}<figcaption>Main vantage point, from the last good request before the first loss to the first one after the last loss. A tick is one run, failed ones included; red: losses were not over when the fault was removed. The dot is the median, the bar its interval.</figcaption></figure>
${table(["runs", "failed", "outage, median (interval)", "largest", "lost time, median (largest)", "worst vantage point", "held for"], figures, duringFault)}
<h3>After healing</h3>
${table(["outage, median (largest)", "lost time, median (largest)", "worst vantage point"], figures, afterHealing)}
<h3>Latency</h3>
<p>From the time at which a request was due, median over the runs (largest of them). Slow: answered after more than 250 ms; slow answers are not lost.</p>
${table(["p99 before", "p99 during the fault", "maximum during the fault", "p99 after healing", "slow during the fault", "slow after healing"], figures, latencies)}
<h3>Which link took the time</h3>
<p>Accounted for: time between boundaries that were both observed, of the lost time of all runs together, with its error. A link whose error exceeds a quarter of it is not resolved.</p>
${table(
  ["median of each link", "accounted for"],
  figures.filter((f) => f.accounted !== undefined),
  links,
)}
<h3>What happened to established connections</h3>
${connectionTable(figures)}`;
}

function table(
  columns: readonly string[],
  figures: readonly Figure[],
  cells: (f: Figure) => readonly string[],
): string {
  return `<div class="wide"><table><tr>${["scenario", "affinity", "application", "lab", ...columns].map((c) => `<th>${c}</th>`).join("")}</tr>
${figures.map((f) => row([...namesOf(f), ...cells(f)])).join("\n")}</table></div>`;
}

const row = (cells: readonly string[]): string =>
  `<tr>${cells.map((c) => `<td>${escapeHtml(c)}</td>`).join("")}</tr>`;

const namesOf = (f: Figure): string[] => [
  f.scenario,
  f.affinity,
  f.application ?? none,
  f.tuned === undefined ? none : f.tuned ? "tuned" : "untuned",
];

function duringFault(f: Figure): string[] {
  const { away } = f;
  const runs = `${f.runs}${f.unknown > 0 ? ` (+${f.unknown} unknown)` : ""} from ${f.labs} lab${f.labs === 1 ? "" : "s"}`;
  if (away === undefined) return [runs, `${f.failed}`, none, none, none, none, none];
  return [
    runs,
    `${f.failed}`,
    noneLost(away) ?? medianText(away.outageMs, "away"),
    largestText(away.outageMs, "away"),
    medianAndLargest(away.lostTimeMs, "away"),
    `${largestValue(away.worst, "away")}: ${away.worstTitle}`,
    f.heldForMs === undefined ? none : medianAndLargest(f.heldForMs, "away"),
  ];
}

function afterHealing({ back }: Figure): string[] {
  if (back === undefined) return [none, none, none];
  return [
    noneLost(back) ?? medianAndLargest(back.outageMs, "back"),
    medianAndLargest(back.lostTimeMs, "back"),
    `${largestValue(back.worst, "back")}: ${back.worstTitle}`,
  ];
}

function latencies({ beforeP99Ms, away, back }: Figure): string[] {
  const ms = (d: Distribution | undefined): string => (d === undefined ? none : medianAndLargest(d, "away"));
  const counts = (d: Distribution | undefined): string =>
    d === undefined ? none : `${d.median} (${d.largest})`;
  return [
    ms(beforeP99Ms),
    ms(away?.latencyP99Ms),
    ms(away?.latencyMaxMs),
    ms(back?.latencyP99Ms),
    counts(away?.slow),
    counts(back?.slow),
  ];
}

function links(f: Figure): string[] {
  const texts = (f.accounted?.links ?? []).map(
    (l) => `${l.upTo}: ${l.medianMs === null ? "not resolved" : duration(l.medianMs)}`,
  );
  return [texts.join("; "), accountedText(f)];
}

function connectionTable(figures: readonly Figure[]): string {
  const head = [
    "scenario",
    "affinity",
    "application",
    "lab",
    "kind",
    "survived",
    "reset",
    "stalled",
    "longest gap, median ms",
  ];
  const rows = figures.flatMap((f) =>
    f.connections.map((c) =>
      row([
        ...namesOf(f),
        c.kind,
        `${c.survived}`,
        `${c.reset}`,
        `${c.stalled}`,
        `${Math.round(c.longestGapMedianMs)}`,
      ]),
    ),
  );
  return `<div class="wide"><table><tr>${head.map((c) => `<th>${c}</th>`).join("")}</tr>
${rows.join("\n")}</table></div>`;
}
