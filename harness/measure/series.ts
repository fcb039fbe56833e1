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
 * A series is a file of measurements, one JSON object per line, that grows over runs. Reading it throws
 * `config-invalid` with the line; an incomplete last line of a killed run is ignored.
 */
export function readSeries(path: string): Measurement[] {
  return wholeLines(path).map((line, i) => parseLine(path, line, i));
}

/**
 * Replaces the measurements for which `changed` returns a new one, atomically. Every other line stays unchanged,
 * because a later Meshproof may have written fields that this one does not know.
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

/** The complete lines of a file that may not exist. */
export function wholeLines(path: string): string[] {
  if (!existsSync(path)) return [];
  return readUserFile(path, "a series")
    .split("\n")
    .slice(0, -1)
    .filter((l) => l !== "");
}

const parseLine = (path: string, line: string, index: number): Measurement =>
  parseRecord(line, measurementFormat, {
    what: `series ${path}, line ${index + 1},`,
    remedy: "give a file that `test --series` wrote, or a new one",
  });

/** Throws a ZodError for a measurement that could not be read again, before anything is written. */
export function appendToSeries(path: string, measurement: Measurement): void {
  measurementFormat.schema.parse(measurement);
  appendLine(path, JSON.stringify(measurement));
}

/** Appends a line to a file of lines that a killed run may have left incomplete. */
export function appendLine(path: string, line: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, "a+");
  try {
    const text = readFileSync(file, "utf8");
    // Removes an incomplete last line of a killed run, because this line would be appended to it.
    ftruncateSync(file, Buffer.byteLength(text.slice(0, text.lastIndexOf("\n") + 1)));
    appendFileSync(file, `${line}\n`);
  } finally {
    closeSync(file);
  }
}
