import type { Distribution } from "#harness/lib/distribution.ts";
import type { Figure, WindowFigures } from "#harness/model/figures.ts";
import { contradictedShare } from "#harness/model/figures-links.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import {
  accountedText,
  beforeAnnouncedText,
  counts,
  duration,
  failedText,
  largestText,
  lossOr,
  lossyText,
  medianAndLargest,
  outageText,
  percent,
  sinceAnnouncedText,
  worstText,
} from "./figure-text.ts";
import { distributionPlot } from "./plots.ts";
import { wideTextTable } from "./wide-table.ts";

const none = "–";

/** The distributions over repetitions, as a plot and as tables. */
export function figuresHtml(figures: readonly Figure[], measurements: readonly Measurement[]): string {
  return `<h3>From the first loss to the last</h3>
<figure>${distributionPlot(figures, measurements)}<figcaption>Main vantage point, from the last good request before the first loss to the first one after the last loss, with the good answers between them: lost time says how long clients were without the service. A tick is one run, failed ones included; red: losses were not over when the fault was removed. The dot is the median, the bar its interval.</figcaption></figure>
${table(["runs", "failed", "outage, median (interval)", "largest", "lost time, median (largest)", "worst vantage point", "held for"], figures, duringFault)}
<h3>By target cluster</h3>
${table(["outage, median (largest)"], figures, byTarget)}
<h3>What was lost during the fault</h3>
<p>Runs with a loss: up to this share of all runs may lose something, with 95 % confidence if runs are independent. Median over the runs (largest of them); first and last loss of the runs that lost a request, counted from the fault; kinds are sums over all runs. A window that ends while requests are lost gives lower bounds.</p>
${table(["runs with a loss", "requests lost", "bursts", "first loss", "last loss", "longest gap", "by kind"], figures, lossesOf)}
<h3>After healing</h3>
${table(["watched for", "runs with a loss", "outage, median (largest)", "lost time, median (largest)", "requests lost", "bursts", "by kind", "worst vantage point"], figures, afterHealing)}
<h3>Latency</h3>
<p>From the time at which a request was due, median over the runs (largest of them). Slow: answered after more than 250 ms; slow answers are not lost.</p>
${table(
  [
    ...["p50 before", "p99 before", "p99.9 before", "maximum before"],
    ...["p50 during the fault", "p99 during the fault", "p99.9 during the fault", "maximum during the fault"],
    ...["p50 after healing", "p99 after healing", "p99.9 after healing", "maximum after healing"],
    ...["slow before", "slow during the fault", "slow after healing"],
  ],
  figures,
  latencies,
)}
<h3>Which link took the time</h3>
<p>Accounted for: time between boundaries that were both observed, of the lost time of all runs together, with its error. A link is not resolved if its mean error exceeds a quarter of its median, or if one of its ends was stamped later than an effect of it, by more than both errors, in more than ${percent(contradictedShare)} of the runs: that error is no bound.</p>
${table(
  [
    "median of each link",
    "stamped after an effect",
    "accounted for",
    "before Kubernetes announced it",
    "after Kubernetes announced it",
  ],
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
  return wideTextTable(
    [...names, ...columns],
    figures.map((f) => [...namesOf(f), ...cells(f)]),
  );
}

const names = ["scenario", "affinity", "application", "lab"];

const namesOf = (f: Figure): string[] => [
  f.scenario,
  f.affinity,
  f.application ?? none,
  f.tuned === undefined ? none : f.tuned ? "tuned" : "untuned",
];

function duringFault(f: Figure): string[] {
  const { away } = f;
  const runs = `${f.runs}${f.unknown > 0 ? ` (+${f.unknown} unknown)` : ""} from ${f.labs} lab${f.labs === 1 ? "" : "s"}`;
  if (away === undefined) return [runs, failedText(f), none, none, none, none, none];
  return [
    runs,
    failedText(f),
    outageText(f, away),
    largestText(away.outageMs),
    lossOr(f, away, away.lostTimeMs),
    worstText(f, away),
    f.heldForMs === undefined ? none : medianAndLargest(f, f.heldForMs),
  ];
}

const byTarget = (f: Figure): string[] => [
  Object.entries(f.byStruck)
    .map(([target, d]) => `${target}: ${medianAndLargest(f, d)}, ${d.count} runs`)
    .join("; ") || none,
];

function lossesOf(f: Figure): string[] {
  const { away } = f;
  if (away === undefined) return [none, none, none, none, none, none, none];
  return [
    lossyText(away),
    counts(f, away.lost),
    counts(f, away.bursts),
    ms(f, away.firstLossMs),
    ms(f, away.lastLossMs),
    medianAndLargest(f, away.longestGapMs),
    kinds(away),
  ];
}

function afterHealing(f: Figure): string[] {
  const { back } = f;
  if (back === undefined) return [none, none, none, none, none, none, none, none];
  return [
    ms(f, back.windowMs),
    lossyText(back),
    lossOr(f, back, back.outageMs),
    lossOr(f, back, back.lostTimeMs),
    counts(f, back.lost),
    counts(f, back.bursts),
    kinds(back),
    worstText(f, back),
  ];
}

const ms = (f: Figure, d: Distribution | undefined): string =>
  d === undefined ? none : medianAndLargest(f, d);

const kinds = ({ lossOutcomes }: WindowFigures): string =>
  Object.entries(lossOutcomes)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(", ") || none;

function latencies(f: Figure): string[] {
  const { away, back } = f;
  const all = (w: WindowFigures | undefined): string[] =>
    [w?.latencyP50Ms, w?.latencyP99Ms, w?.latencyP999Ms, w?.latencyMaxMs].map((d) => ms(f, d));
  return [
    ...[f.beforeP50Ms, f.beforeP99Ms, f.beforeP999Ms, f.beforeMaxMs].map((d) => ms(f, d)),
    ...all(away),
    ...all(back),
    ...[f.beforeSlow, away?.slow, back?.slow].map((d) => (d === undefined ? none : counts(f, d))),
  ];
}

function links(f: Figure): string[] {
  const texts = (f.accounted?.links ?? []).map(
    (l) => `${l.upTo}: ${l.medianMs === null ? "not resolved" : duration(l.medianMs)}`,
  );
  const late = (f.accounted?.contradicted ?? []).map((c) => `${c.boundary}: ${c.runs} of ${c.of}`);
  return [
    texts.join("; "),
    late.join("; ") || none,
    accountedText(f),
    beforeAnnouncedText(f),
    sinceAnnouncedText(f),
  ];
}

function connectionTable(figures: readonly Figure[]): string {
  return wideTextTable(
    [...names, "kind", "survived", "reset", "stalled", "longest gap, median ms"],
    figures.flatMap((f) =>
      f.connections.map((c) => [
        ...namesOf(f),
        c.kind,
        `${c.survived}`,
        `${c.reset}`,
        `${c.stalled}`,
        `${Math.round(c.longestGapMedianMs)}`,
      ]),
    ),
  );
}
