import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

export const processMarkSchema = z.object({
  pid: z.number().int(),
  /** When the process began, in the kernel's ticks. */
  pidStart: z.string(),
  /** The kernel's id of the boot: ticks begin anew with each. Files of earlier versions have none. */
  bootId: z.string().exactOptional(),
});
/** One process of this machine, as files name it: pids are used again. */
export type ProcessMark = Infer<typeof processMarkSchema>;
