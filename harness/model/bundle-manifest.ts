import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";

const bundleManifestSchema = z.strictObject({
  meshproofBundle: z.literal(1),
  imageSource: z.string(),
  /** The budgets in force when it was packed. */
  faults: z.array(z.string().regex(/^\w/, "a fault's name")),
});
/** The manifest of a bundle. */
export type BundleManifest = Infer<typeof bundleManifestSchema>;

export const bundleManifestFormat: RecordFormat<BundleManifest> = {
  schema: bundleManifestSchema,
  version: { key: "meshproofBundle", current: 1 },
};
