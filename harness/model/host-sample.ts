import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

const hostSampleSchema = z.strictObject({
  atMs: z.number(),
  /** Busy cores since the previous sample, of all processes. */
  busyCores: z.number(),
  /** The lab's containers' part of them; `ownCores` is that of the harness and its children. */
  labCores: z.number(),
  ownCores: z.number(),
  /** Other programs that used most of the remaining cores; absent if those are few. */
  foreignNames: z.array(z.string()).exactOptional(),
  /** How late this sample's timer fired. */
  lateMs: z.number(),
  /** The smaller of the free space for Docker and for the reports. */
  freeDiskBytes: z.number(),
  /** Whether Docker's daemon answered the last request. */
  dockerAnswers: z.boolean(),
});
/** The state of the host, sampled every second during a run. Times on the harness's monotonic clock. */
export type HostSample = Infer<typeof hostSampleSchema>;
