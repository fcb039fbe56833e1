import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { artifactsSchema } from "./artifacts.ts";
import { labPlanSchema } from "./lab-plan.ts";
import { processMarkSchema } from "./process-mark.ts";

// Keys that are not known are left out: builds from source told their times and images too, once.
const labStateSchema = z.object({
  version: z.literal(1),
  lab: z.string(),
  /** How far the lab got. Anything but `up` is half a lab: the next `up` repairs or rebuilds it. */
  phase: z.enum(["creating", "meshing", "up", "removing"]),
  runId: z.string(),
  createdAt: z.string(),
  /** The process that removes the lab at its end. A lab that is kept has none. */
  owner: processMarkSchema.exactOptional(),
  plan: labPlanSchema,
  artifacts: artifactsSchema,
});
/** What outlives the process: written before the step it names begins. */
export type LabState = Infer<typeof labStateSchema>;

export const labStateFormat: RecordFormat<LabState> = {
  schema: labStateSchema,
  version: { key: "version", current: 1 },
};
