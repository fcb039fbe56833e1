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
import { z } from "zod";
import { readUserFile } from "#harness/config/user-file.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { type Measurement, measurementSchema } from "#harness/model/measurement.ts";

/**
 * A series is a file of measurements, one JSON object a line, that grows over runs. Reading throws `config-invalid`
 * with the place; a last line that a killed run cut off is left out.
 */
export function readSeries(path: string): Measurement[] {
  if (!existsSync(path)) return [];
  const text = readUserFile(path, "a series");
  const lines = text.split("\n");
  const whole = lines.slice(0, -1).filter((l) => l !== "");
  return whole.map((line, i) => {
    try {
      return measurementSchema.parse(JSON.parse(line));
    } catch (error) {
      throw new MeshproofError(
        "config-invalid",
        `series ${path}, line ${i + 1}: ${error instanceof z.ZodError ? z.prettifyError(error) : "not JSON"}`,
        { cure: "name a file that `test --series` wrote, or a new one", cause: error },
      );
    }
  });
}

/** In place of what is there, as one step. */
export function writeSeries(path: string, measurements: readonly Measurement[]): void {
  writeFileSync(`${path}.new`, measurements.map((m) => `${JSON.stringify(m)}\n`).join(""));
  renameSync(`${path}.new`, path);
}

/** Throws a ZodError for what could not be read again, before anything is written. */
export function appendToSeries(path: string, measurement: Measurement): void {
  measurementSchema.parse(measurement);
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
