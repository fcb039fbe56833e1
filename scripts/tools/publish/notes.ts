import { markdownTable } from "markdown-table";
import { comparisonErrorRate } from "#harness/jobs/compare.ts";
import { compareLostTime } from "#harness/judge/comparison.ts";
import { upperBound } from "#harness/lib/binomial.ts";
import { median, percentUp } from "#harness/lib/stats.ts";
import { figuresOf, labOf } from "#harness/model/figures.ts";
import { contradictedShare, isBounded } from "#harness/model/figures-links.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import { type CampaignCommand, type Published, rowNameOf } from "#harness/model/published.ts";
import { cannotDiffer } from "#harness/report/comparison-text.ts";
import { duration, percent, rangeText } from "#harness/report/figure-text.ts";
import { bootstrapSeed } from "#harness/report/measurements-html.ts";
import { judgedText } from "#harness/report/published.ts";

/** What the tables of figures do not show and a reader has to know, from the data alone. */
export function notesText(all: readonly Published[]): string {
  if (all.length === 0) return "Nothing yet.";
  return [
    kubernetesText(all),
    ...comparisonsText(all),
    verdictsText(all),
    commandsText(all),
    ...contradictedText(all),
    boundsText(all),
  ].join("\n\n");
}

function kubernetesText(all: readonly Published[]): string {
  const texts = all.map(({ cilium, measurements }) => {
    const versions = distinct(
      measurements.map((m) => {
        const etcd = m.settingRecord?.components.etcd;
        return `Kubernetes ${m.setting.kubernetes}${etcd === undefined ? "" : ` with etcd ${etcd.replace(/^v/, "")}`}`;
      }),
    );
    return { cilium, versions: versions.join(" and ") };
  });
  const differs = distinct(texts.map((t) => t.versions)).length > 1;
  return `**Kubernetes.** ${texts.map((t) => `Cilium ${t.cilium} ran on ${t.versions}`).join(", ")}.${differs ? " A difference between the versions' rows can be that of Kubernetes." : ""}`;
}

/** METHOD, rule 14, of each version and the one before it, for the rows that both have. */
function comparisonsText(all: readonly Published[]): string[] {
  const rows = all.slice(1).flatMap((now, i) => {
    const before = all[i];
    if (before === undefined) return [];
    const newer = Map.groupBy(now.measurements, rowNameOf);
    return [...Map.groupBy(before.measurements, rowNameOf)].flatMap(([name, older]) => {
      const compared = compareLostTime(older, newer.get(name) ?? [], comparisonErrorRate);
      if (compared === undefined) return [];
      const [was, is] = compared.medians.map((ms) => (Number.isFinite(ms) ? duration(ms) : "not over"));
      const unit = compared.unit === "lab" ? "by lab" : "by run, so that labs count as a difference";
      return [
        [
          name,
          `${before.cilium}: ${was}`,
          `${now.cilium}: ${is}`,
          compared.result === "unknown"
            ? cannotDiffer(compared.smallestP)
            : `${compared.result}, p = ${compared.p.toPrecision(2)}, ${unit}`,
        ],
      ];
    });
  });
  if (rows.length === 0) return [];
  const table = markdownTable([
    ["row", "older, median lost time", "newer, the same", "the newer one is"],
    ...rows,
  ]);
  return [
    `**Versions compared.** Permutation test on medians of lost time, with an error rate of ${percent(comparisonErrorRate)} by lab; settings differ in more than Cilium, as above.\n\n${table}`,
  ];
}

function verdictsText(all: readonly Published[]): string {
  const judged = all.flatMap(({ cilium, judged: runs }) =>
    runs.filter((run) => run.was !== run.now).map((run) => `- Cilium ${cilium}, ${judgedText(run)}`),
  );
  const count = all.reduce((sum, { measurements }) => sum + measurements.length, 0);
  const text = `**Verdicts.** Every published run is judged by the present rule, from its loss record; ${judged.length === 0 ? "none" : judged.length} of ${count} verdicts ${judged.length === 1 ? "differs" : "differ"} from that of the time of measuring. No figure depends on a verdict.`;
  return judged.length === 0 ? text : `${text}\n\n${judged.join("\n")}`;
}

const commandColumns = [
  "campaign",
  "begun",
  "commit",
  "attempts",
  "published runs",
  "failed",
  "undecided",
  "p99 before the fault, median",
  "calibration task",
  "how it ended",
] as const;

/** A campaign's runs by the command that measured them: the machine may have changed in between. */
function commandsText(all: readonly Published[]): string {
  const rows = all.flatMap((published) =>
    published.campaigns.flatMap(({ name, commands }) =>
      commands.map((command, i) => {
        const untilAt = commands[i + 1]?.at;
        // Measured from this command on, and before the next one.
        const own = published.measurements.filter(
          (m) => m.campaign?.name === name && m.at >= command.at && (untilAt === undefined || m.at < untilAt),
        );
        return commandCells(name, command, own);
      }),
    ),
  );
  const silent = distinct(
    all.flatMap(({ campaigns }) =>
      campaigns.filter((c) => c.commands.some((of) => of.ended === "not stated")).map((c) => c.name),
    ),
  );
  const missing = distinct(all.flatMap((p) => p.missingCommits));
  return [
    "**Commands.** Each measured its runs in labs of its own; an interrupted one loses the run in progress.",
    ...(silent.length === 0
      ? []
      : [
          `The journals of ${silent.join(", ")} do not state how each command ended: up to one run in progress per command was not seen, so these journals cannot exclude that runs were left out because of their result.`,
        ]),
    ...(missing.length === 0
      ? []
      : [
          `This repository does not have commit ${missing.join(", ")}; its runs carry the same hash of the sources that measure as the other runs of their rows.`,
        ]),
  ]
    .join(" ")
    .concat(`\n\n${markdownTable([[...commandColumns], ...rows])}`);
}

function commandCells(name: string, command: CampaignCommand, runs: readonly Measurement[]): string[] {
  const p99 = runs.flatMap((m) => m.before.latency?.p99Ms ?? []);
  const calibrations = runs.flatMap((m) => m.calibrationMs ?? []);
  const of = (outcome: Measurement["outcome"]): string =>
    `${runs.filter((m) => m.outcome === outcome).length}`;
  return [
    name,
    command.at,
    command.commit ?? "not stated",
    `${command.runs}`,
    `${runs.length}`,
    of("fail"),
    of("unknown"),
    p99.length === 0 ? "" : duration(median(p99)),
    calibrations.length === 0 ? "" : rangeText(calibrations, duration),
    [command.ended, ...(command.reason === undefined ? [] : [command.reason])].join(": "),
  ];
}

/** Boundaries whose error bound does not hold, by row. */
function contradictedText(all: readonly Published[]): string[] {
  const rows = all.flatMap(({ cilium, measurements }) =>
    figuresOf(measurements, bootstrapSeed).flatMap((f) => {
      const of = f.accounted?.contradicted ?? [];
      const texts = of
        .filter((c) => !isBounded(c.boundary, of))
        .map((c) => `${c.boundary} in ${c.runs} of ${c.of} runs`);
      return texts.length === 0 ? [] : [`- Cilium ${cilium}, ${rowNameOf(f)}: ${texts.join("; ")}`];
    }),
  );
  return rows.length === 0
    ? []
    : [
        `**Stamps against the order of causes**: later than those of an effect by more than both errors, in more than ${percent(contradictedShare)} of the runs. The error of such a boundary is no bound, or the effect had another cause, such as a killed container that was up again; links that it begins or ends are not resolved.\n\n${rows.join("\n")}`,
      ];
}

/** What `0 of n` bounds, by run and by lab, for the sizes of the rows. */
function boundsText(all: readonly Published[]): string {
  const sizes = all.flatMap(({ measurements }) =>
    [...Map.groupBy(measurements, rowNameOf).values()].map((of) => ({
      runs: of.length,
      labs: new Set(of.map(labOf)).size,
    })),
  );
  const bounds = (counts: readonly number[]): string =>
    distinct(counts)
      .sort((a, b) => b - a)
      .map((n) => `${n}: ${percentUp(upperBound(0, n))} %`)
      .join(", ");
  return `**Bounds.** \`0 of n\` bounds the share of runs that may lose something, with 95 % confidence: by the number of runs if runs are independent (${bounds(sizes.map((s) => s.runs))}), by the number of labs if only labs are (${bounds(sizes.map((s) => s.labs))}). An attempt without a figure may have lost something.`;
}

const distinct = <T>(values: readonly T[]): T[] => [...new Set(values)];
