import { existsSync } from "node:fs";
import { join } from "node:path";
import { readUserFile } from "#harness/config/user-file.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { type LossRecord, lossRecordFormat } from "#harness/model/loss-record.ts";
import type { Measurement } from "#harness/model/measurement.ts";

/** The loss record of a measurement, from its run's folder; undefined if there is none. */
export function lossRecordOf(
  dir: string,
  { runId, at }: Pick<Measurement, "runId" | "at">,
): LossRecord | undefined {
  const path = join(dir, "losses.ndjson");
  if (!existsSync(path)) return undefined;
  return readUserFile(path, "loss records")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) =>
      parseRecord(line, lossRecordFormat, { what: `a loss record (${path})`, remedy: "measure again" }),
    )
    .findLast((record) => record.runId === runId && record.at === at);
}
