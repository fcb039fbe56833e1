import { formatMs } from "#harness/lib/clock.ts";
import { printable } from "#harness/lib/visible.ts";
import type { RunRecord, TestRecord } from "#harness/model/record.ts";
import { escapeMarkdown, markdownCode } from "./escape.ts";

const marks: Readonly<Record<string, string>> = {
  pass: "pass",
  fail: "**FAIL**",
  unknown: "**unknown**",
  unsupported: "unsupported",
  skipped: "skipped",
};

/** A summary for a pull request or a CI page. */
export function toMarkdown(run: RunRecord): string {
  const t = run.totals;
  const lines = [
    `## Meshproof: ${run.exitCode === 0 ? "passed" : run.exitCode === 3 ? "unknown" : "failed"}`,
    "",
    `${t.pass} passed, ${t.fail} failed, ${t.unknown} unknown, ${t.unsupported} unsupported, ${t.skipped} skipped${t.accepted === undefined ? "" : `, ${t.accepted} accepted failures`}${t.errors > 0 ? `, ${t.errors} set-up errors` : ""} in ${formatMs(run.durationMs)}.`,
    "",
    ...(run.clusters.length === 0
      ? []
      : [
          escapeMarkdown(
            `${run.clusters
              .map(
                (c) => `${c.name}: Cilium ${c.cilium}, Kubernetes ${c.kubernetes}, ${c.nodes.length} nodes`,
              )
              .join("; ")}. Images: ${run.imageSource}. Kernel ${run.kernel}.`,
          ),
        ]),
    ...(run.meshing === undefined
      ? []
      : ["", escapeMarkdown(`Meshed by ${[run.meshing.by, run.meshing.note].filter(Boolean).join("; ")}.`)]),
    "",
    "| suite | test | outcome | time |",
    "|---|---|---|---|",
  ];
  for (const suite of run.suites) {
    for (const error of suite.errors)
      lines.push(`| ${cell(suite.name)} | set-up or clean-up | **error**: ${cell(error)} | |`);
    for (const test of suite.tests) {
      const why = test.reasons.length === 0 ? "" : `: ${cell(test.reasons.join("; "))}`;
      lines.push(
        `| ${cell(suite.name)} | ${cell(test.name)} | ${markOf(test)}${why} | ${formatMs(test.durationMs)} |`,
      );
    }
  }
  lines.push("", `Reproduce: ${markdownCode(run.command)}`, "");
  return printable(lines.join("\n"));
}

const cell = (text: string): string => escapeMarkdown(text.slice(0, 400));
const markOf = ({ outcome, accepted }: TestRecord): string =>
  accepted === undefined ? (marks[outcome] ?? outcome) : `accepted (${cell(accepted)})`;
