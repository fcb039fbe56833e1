import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { measurementSchema } from "./measurement.ts";

const publishedSchema = z.object({
  schema: z.literal(1),
  cilium: z.string(),
  publishedAt: z.string(),
  /** The commit of the harness that measured. */
  meshproof: z.string(),
  /** The command that measures the figures again. */
  command: z.string(),
  limits: z.array(z.string()),
  measurements: z.array(measurementSchema),
});
/** `reports/published/<cilium version>/failover.json`: the figures of real runs, unedited. */
export type Published = Infer<typeof publishedSchema>;

export const publishedFormat: RecordFormat<Published> = {
  schema: publishedSchema,
  version: { key: "schema", current: 1 },
};
