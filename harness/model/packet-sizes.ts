import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

export const sizesSchema = z.array(
  z.object({
    /** `east/worker (10.1.0.5)`. */
    from: z.string(),
    to: z.string(),
    /** `1,398 bytes over TCP`; absent for a small request. */
    size: z.string().exactOptional(),
    /** Whether any request was answered. */
    answered: z.boolean(),
  }),
);
/** Requests of several sizes from a cluster's probers to every node. */
export type SizedRequests = Infer<typeof sizesSchema>;

const nodeLinkSchema = z.object({
  node: z.string(),
  /** The host's end of the link of a node that is a container of this machine. */
  link: z.string(),
  mtu: z.number(),
  /** Of the node's own end. */
  nodeMtu: z.number(),
  /** The node's image, which has `ip`. */
  image: z.string(),
});
export const nodeLinksSchema = z.array(nodeLinkSchema);
/** Both ends of the link between a node that is a container and its network. */
export type NodeLinkState = Infer<typeof nodeLinkSchema>;
