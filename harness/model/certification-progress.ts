import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { certificationSettingsSchema, upgradePairSchema } from "./certification-journal.ts";
import { labPlanSchema } from "./lab-plan.ts";

const progressSchema = z.object({
  version: z.literal(1),
  lab: z.string(),
  runId: z.string(),
  command: z.string(),
  pair: upgradePairSchema,
  /** The lab with the old version, as every cycle creates it. It may contain private values. */
  plan: labPlanSchema,
  settings: certificationSettingsSchema,
  cycles: z.number().int(),
  /** The cycle that has started and is not finished. */
  current: z.number().int(),
});
/** A certification of several cycles; it survives the labs, which are one after the other. */
export type CertificationProgress = Infer<typeof progressSchema>;

export const certificationProgressFormat: RecordFormat<CertificationProgress> = {
  schema: progressSchema,
  version: { key: "version", current: 1 },
};
