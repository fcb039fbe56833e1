import { join } from "node:path";
import { readSeries } from "#harness/measure/series.ts";
import { figuresOf } from "#harness/model/figures.ts";
import type { RunRecord } from "#harness/model/record.ts";
import { figureLines } from "#harness/report/figures-text.ts";
import { bootstrapSeed, measurementsOf } from "#harness/report/measurements-html.ts";

/** The last lines of every run: where the report is, and the counts that CI reads. Unknown counts as failed. */
export function closingLines(record: RunRecord, dir: string, series?: string): string[] {
  const t = record.totals;
  const measured = record.suites.flatMap(measurementsOf);
  const figures = figuresOf(series === undefined ? measured : readSeries(series), bootstrapSeed);
  return [
    ...(figures.length === 0 ? [] : ["", ...figureLines(figures)]),
    "",
    ...record.clusters.map(
      (c) =>
        `${c.name}: Cilium ${c.cilium}, Kubernetes ${c.kubernetes}, ${c.nodes.length} nodes, image ${c.nodeImage}`,
    ),
    ...(record.clusters.length === 0
      ? []
      : [`kernel ${record.kernel}, images from ${record.imageSource} (${record.imageReason})`]),
    `report: ${join(dir, "report.html")}  junit: ${join(dir, "junit.xml")}`,
    ...acceptedLines(record),
    ...(record.unusedAccept ?? []).map((name) => `--accept ${name}: no failure of this run needed it`),
    `${t.pass} pass, ${t.fail} fail, ${t.unknown} unknown, ${t.unsupported} unsupported, ${t.skipped} skipped, ${t.errors} set-up errors`,
    `${t.pass} passed, ${t.fail + t.unknown + t.errors} failed`,
  ];
}

/** Accepted failures count in no figure, so each is named: one that went unseen would look like a pass. */
const acceptedLines = ({ suites }: RunRecord): string[] =>
  suites
    .flatMap((s) => s.tests)
    .flatMap(({ suite, name, defect, accepted }) =>
      accepted === undefined
        ? []
        : [
            `accepted: ${suite} > ${name} (${defect === undefined ? "no known defect" : `known defect ${defect}`})`,
          ],
    );
