import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseRecord } from "#harness/lib/records.ts";
import { type Durations, durationsFormat } from "#harness/model/durations.ts";

/** Made by `npm run durations -- RUN...`. Of the code, not of this machine: shards of several machines must fit together. */
export const durationsFile = join(import.meta.dirname, "durations.json");

/** Milliseconds by the name of a suite or a fault. */
export type DurationOf = (name: string) => number;

export const readDurations = (): Durations =>
  parseRecord(readFileSync(durationsFile, "utf8"), durationsFormat, {
    what: `the recorded durations (${durationsFile})`,
    remedy: "check it out again, or write it anew with `npm run durations -- RUN...`",
  });

/** The recorded duration; of a name without one the mean of all that are recorded. */
export function recordedOrMean(recorded: Readonly<Record<string, number>>): DurationOf {
  const all = Object.values(recorded);
  const meanMs = Math.max(1, Math.round(all.reduce((sum, ms) => sum + ms, 0) / Math.max(1, all.length)));
  return (name) => (Object.hasOwn(recorded, name) ? (recorded[name] ?? meanMs) : meanMs);
}
