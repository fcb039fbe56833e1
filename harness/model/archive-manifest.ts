import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { artifactsSchema } from "./artifacts.ts";

const archiveManifestSchema = z.strictObject({
  meshproofArchive: z.literal(1),
  /** Member file to SHA-256. */
  digests: z.record(z.string(), z.string()),
  artifacts: artifactsSchema,
});
/** The manifest of an archive of images and tools. */
export type ArchiveManifest = Infer<typeof archiveManifestSchema>;

export const archiveManifestFormat: RecordFormat<ArchiveManifest> = {
  schema: archiveManifestSchema,
  version: { key: "meshproofArchive", current: 1 },
};
