import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

export const processMarkSchema = z.object({
  pid: z.number().int(),
  /** When the process began, in the kernel's ticks. */
  pidStart: z.string(),
  /** The kernel's boot id: ticks restart with each boot. Absent in files of earlier versions. */
  bootId: z.string().exactOptional(),
});
/** Identifies one process of this machine in files; a pid alone does not, because pids are reused. */
export type ProcessMark = Infer<typeof processMarkSchema>;
