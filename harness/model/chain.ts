import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";
import { boundaries } from "./measurement.ts";

const chainEventSchema = z.strictObject({
  boundary: z.enum(boundaries),
  atUnixMs: z.number(),
  active: z.number(),
});
/** A change that one link of the chain observed: how many backends of the target cluster it still treats as active. */
export type ChainEvent = Infer<typeof chainEventSchema>;

export const chainRecordSchema = z.strictObject({
  /** The links of this client's path, in order, each with the error bound of its timestamps. */
  path: z.array(z.strictObject({ boundary: z.enum(boundaries), errorMs: z.number() })),
  events: z.array(chainEventSchema),
});
/** What was observed on the path of a change from a cluster's API server to a client's BPF map. */
export type ChainRecord = Infer<typeof chainRecordSchema>;
