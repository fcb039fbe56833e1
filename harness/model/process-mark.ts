import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

export const processMarkSchema = z.object({
  pid: z.number().int(),
  /** When the process began, in the kernel's ticks. */
  pidStart: z.string(),
});
/** One process of this machine, as files name it: pids are used again. */
export type ProcessMark = Infer<typeof processMarkSchema>;
