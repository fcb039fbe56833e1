import { join } from "node:path";
import type { UnnamedLosses } from "#harness/judge/measured.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { encodeLosses, type LossRecord, lossRecordFormat } from "#harness/model/loss-record.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import { appendToReport } from "#harness/platform/report-files.ts";
import { appendLine, wholeLines } from "./series.ts";

/** Names a measurement within all runs. */
export type MeasurementId = Pick<Measurement, "runId" | "at">;

/** The loss records of a run, one line for each measurement. */
export const lossesFile = (runDir: string): string => join(runDir, "losses.ndjson");

/** Those beside a series, for the same measurements. */
export const lossesBeside = (series: string): string => `${series.replace(/\.ndjson$/, "")}.losses.ndjson`;

export async function writeLosses(
  runDir: string,
  losses: UnnamedLosses,
  { runId, at }: MeasurementId,
): Promise<void> {
  const record = encodeLosses({ format: "meshproof-losses/1", runId, at, ...losses });
  await appendToReport(lossesFile(runDir), `${JSON.stringify(record)}\n`);
}

/**
 * The loss records of a file; none if there is no file. Throws `config-invalid` with the line; an incomplete last line
 * of a killed run is ignored.
 */
export function readLosses(path: string): LossRecord[] {
  return wholeLines(path).map((line, i) =>
    parseRecord(line, lossRecordFormat, {
      what: `loss records ${path}, line ${i + 1},`,
      remedy: "name a run or a series that this Meshproof measured",
    }),
  );
}

/** The record of one measurement in a file. */
export const lossesOf = (records: readonly LossRecord[], id: MeasurementId): LossRecord | undefined =>
  records.find((r) => r.runId === id.runId && r.at === id.at);

/** Copies a measurement's record from its run to the file beside a series; a run without one copies nothing. */
export function copyLosses(runDir: string, id: MeasurementId, series: string): void {
  const record = lossesOf(readLosses(lossesFile(runDir)), id);
  if (record !== undefined) appendLine(lossesBeside(series), JSON.stringify(record));
}
