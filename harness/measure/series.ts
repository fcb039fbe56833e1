import {
  appendFileSync,
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { readUserFile } from "#harness/config/user-file.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { type Measurement, measurementFormat } from "#harness/model/measurement.ts";

/**
 * A series is a file of measurements, one JSON object a line, that grows over runs. Reading throws `config-invalid`
 * with the place; a last line that a killed run cut off is left out.
 */
export function readSeries(path: string): Measurement[] {
  return wholeLines(path).map((line, i) => parseLine(path, line, i));
}

/**
 * Gives the measurements that `changed` answers for in place of those that are there, as one step. Every other line
 * stays as it is: a later Meshproof may have written more into it than this one reads.
 */
export function correctSeries(
  path: string,
  changed: (measurement: Measurement) => Measurement | undefined,
): void {
  const before = wholeLines(path);
  const after = before.map((line, i) => {
    const other = changed(parseLine(path, line, i));
    return other === undefined ? line : JSON.stringify(other);
  });
  if (after.every((line, i) => line === before[i])) return;
  writeFileSync(`${path}.new`, after.map((line) => `${line}\n`).join(""));
  renameSync(`${path}.new`, path);
}

function wholeLines(path: string): string[] {
  if (!existsSync(path)) return [];
  return readUserFile(path, "a series")
    .split("\n")
    .slice(0, -1)
    .filter((l) => l !== "");
}

const parseLine = (path: string, line: string, index: number): Measurement =>
  parseRecord(line, measurementFormat, {
    what: `series ${path}, line ${index + 1},`,
    remedy: "name a file that `test --series` wrote, or a new one",
  });

/** Throws a ZodError for what could not be read again, before anything is written. */
export function appendToSeries(path: string, measurement: Measurement): void {
  measurementFormat.schema.parse(measurement);
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, "a+");
  try {
    const text = readFileSync(file, "utf8");
    // What a killed run left of its last line is taken away: it would swallow this one.
    ftruncateSync(file, Buffer.byteLength(text.slice(0, text.lastIndexOf("\n") + 1)));
    appendFileSync(file, `${JSON.stringify(measurement)}\n`);
  } finally {
    closeSync(file);
  }
}
