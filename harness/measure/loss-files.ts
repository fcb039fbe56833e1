import { join } from "node:path";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { z } from "zod";
import type { UnnamedLosses } from "#harness/judge/measured.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { parseRecord, type RecordSource } from "#harness/lib/records.ts";
import {
  encodeLosses,
  type LossRecord,
  lossRecordFormat,
  lossRecordSchema,
  type PackedLosses,
  packedLossesSchema,
} from "#harness/model/loss-record.ts";
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

/** A record as one line of the repository. */
export function packedLine(record: LossRecord): string {
  const { runId, at } = record;
  const deflated = deflateRawSync(JSON.stringify(record), { level: 9 }).toString("base64");
  return JSON.stringify({ format: "meshproof-losses-packed/1", runId, at, deflated } satisfies PackedLosses);
}

const idSchema = z.object({ runId: z.string(), at: z.string() });
const lossRemedy = "name a run or a series that this Meshproof measured";
const eitherSchema = z.union([packedLossesSchema, lossRecordSchema]);

function unpacked(line: string, source: RecordSource): LossRecord {
  const read = parseRecord(line, { schema: eitherSchema }, source);
  if (!("deflated" in read)) return read;
  let text: string;
  try {
    text = inflateRawSync(Buffer.from(read.deflated, "base64")).toString();
  } catch (error) {
    throw new MeshproofError("config-invalid", `${source.what} cannot be inflated: ${messageOf(error)}`, {
      cause: error,
      remedy: source.remedy,
    });
  }
  return parseRecord(text, lossRecordFormat, source);
}

/**
 * The loss records of a file, packed or not; none if there is no file. Throws `config-invalid` with the line; an
 * incomplete last line of a killed run is ignored.
 */
export function readLosses(path: string): LossRecord[] {
  return wholeLines(path).map((line, i) =>
    unpacked(line, {
      what: `loss records ${path}, line ${i + 1},`,
      remedy: lossRemedy,
    }),
  );
}

/** Which measurement the last record of a file is of; nothing is inflated. */
export function lastLosses(path: string): MeasurementId | undefined {
  const line = wholeLines(path).at(-1);
  return line === undefined
    ? undefined
    : parseRecord(
        line,
        { schema: idSchema },
        { what: `loss records ${path}, last line,`, remedy: lossRemedy },
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
