import { z } from "zod";
import type { RecordFormat } from "#harness/lib/records.ts";

/** `timings.json`: milliseconds that each part took at its last build. */
export const buildTimingsFormat: RecordFormat<Readonly<Record<string, number>>> = {
  schema: z.record(z.string(), z.number()),
};

/** `digests.lock.json`: the first digest seen of each reference. */
export const digestLockFormat: RecordFormat<Readonly<Record<string, string>>> = {
  schema: z.record(z.string(), z.string()),
};

/** `dropped.json` of a build: replacements of its `go.mod` that were left out. */
export const droppedReplacesFormat: RecordFormat<readonly string[]> = { schema: z.array(z.string()) };
