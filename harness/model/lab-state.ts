import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { artifactsSchema } from "./artifacts.ts";
import { type LabPlan, labPlanSchema } from "./lab-plan.ts";
import { processMarkSchema } from "./process-mark.ts";

// Keys that are not known are left out: builds from source told their times and images too, once.
const labStateSchema = z.object({
  version: z.literal(2),
  lab: z.string(),
  /** The id of the owner whose labels and names the lab's containers carry; `unlabelled` for a lab of an earlier version. */
  owner: z.string(),
  /** How far the lab got. Anything but `up` is half a lab: the next `up` repairs or rebuilds it. */
  phase: z.enum(["creating", "meshing", "up", "removing"]),
  runId: z.string(),
  createdAt: z.string(),
  /** The process that removes the lab at its end. A lab that is kept has none. */
  remover: processMarkSchema.exactOptional(),
  plan: labPlanSchema,
  artifacts: artifactsSchema,
});
/** What outlives the process: written before the step it names begins. */
export type LabState = Infer<typeof labStateSchema>;

/** Labs had no owner, and the removing process stood under that name. */
const firstSchema = labStateSchema
  .omit({ remover: true })
  .extend({ version: z.literal(1).exactOptional(), owner: processMarkSchema.exactOptional() });

/** `ownerBefore` says whose a lab is that was made before labs had owners. */
export function labStateFormat(ownerBefore: (plan: LabPlan) => string): RecordFormat<LabState> {
  const first = firstSchema.transform(({ owner: remover, ...state }) => ({
    ...state,
    version: 2 as const,
    owner: ownerBefore(state.plan),
    ...(remover === undefined ? {} : { remover }),
  }));
  return { schema: labStateSchema, version: { key: "version", current: 2 }, older: { 0: first, 1: first } };
}
