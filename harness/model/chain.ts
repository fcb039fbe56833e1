import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";
import { boundaries } from "./measurement.ts";

const chainEventSchema = z.strictObject({
  boundary: z.enum(boundaries),
  atUnixMs: z.number(),
  active: z.number(),
});
/** A change that one link of the chain saw: how many backends of the struck cluster it still holds for active. */
export type ChainEvent = Infer<typeof chainEventSchema>;

const chainRecordSchema = z.strictObject({
  /** The links on this client's way, in order, each with the bound of its stamps' error. */
  path: z.array(z.strictObject({ boundary: z.enum(boundaries), errorMs: z.number() })),
  events: z.array(chainEventSchema),
});
/** What was seen of the way that a change takes from a cluster's API server to a client's BPF map. */
export type ChainRecord = Infer<typeof chainRecordSchema>;
