import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

const hostSampleSchema = z.strictObject({
  atMs: z.number(),
  /** Cores that were busy since the sample before, of all processes. */
  busyCores: z.number(),
  /** Of these: the lab's containers, and the harness with its children. */
  labCores: z.number(),
  ownCores: z.number(),
  /** Programs that are neither of these and used most of the rest; told only where that is much. */
  foreignNames: z.array(z.string()).exactOptional(),
  /** How late this sample's timer fired. */
  lateMs: z.number(),
  /** The least of what is free for Docker and for the reports. */
  freeDiskBytes: z.number(),
  /** Whether Docker's daemon answered when it was last asked. */
  dockerAnswers: z.boolean(),
});
/** The host at one moment, taken every second beside a run. Times on the harness's monotonic clock. */
export type HostSample = Infer<typeof hostSampleSchema>;
