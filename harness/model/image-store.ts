import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";

const debianPackageSchema = z.object({ name: z.string(), version: z.string(), sha256: z.string() });
export type DebianPackage = Infer<typeof debianPackageSchema>;

/** `timings.json`: milliseconds that the last build of each part took. */
export const buildTimingsFormat: RecordFormat<Readonly<Record<string, number>>> = {
  schema: z.record(z.string(), z.number()),
};

/** `digests.lock.json`: the first recorded digest of each reference. */
export const digestLockFormat: RecordFormat<Readonly<Record<string, string>>> = {
  schema: z.record(z.string(), z.string()),
};

/** `packages.json` of a Debian root: the installed packages. */
export const debianPackagesFormat: RecordFormat<readonly DebianPackage[]> = {
  schema: z.array(debianPackageSchema),
};

/** `dropped.json` of a build: the `replace` directives of its `go.mod` that were left out. */
export const substitutionNotesFormat: RecordFormat<readonly string[]> = { schema: z.array(z.string()) };
