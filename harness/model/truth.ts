import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

const nodeTruthSchema = z.strictObject({
  /** `cluster/node`. */
  name: z.string(),
  address: z.string(),
  podCidr: z.string(),
});
/** A node according to its cluster's own API server. */
export type NodeTruth = Infer<typeof nodeTruthSchema>;

const remoteTruthSchema = z.strictObject({
  nodes: z.number(),
  endpoints: z.number(),
  identities: z.number(),
  services: z.number(),
  /** Of those services. */
  endpointSlices: z.number(),
});
/** What a cluster exports to the others, counted from its own API server. */
export type RemoteTruth = Infer<typeof remoteTruthSchema>;
