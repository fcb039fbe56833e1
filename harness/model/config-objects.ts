import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

const texts = z.record(z.string(), z.string());

export const nodeConfigSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  /** A label selector of nodes. */
  selector: z.record(z.string(), z.unknown()),
  defaults: texts,
});
/** A CiliumNodeConfig: settings that override cilium-config on the nodes that it selects, when their agents start. */
export type NodeConfig = Infer<typeof nodeConfigSchema>;

export const cidrGroupSchema = z.object({ name: z.string(), labels: texts, cidrs: z.array(z.string()) });
/** A CiliumCIDRGroup: CIDRs that policies of its cluster name by it, or by its labels. */
export type CidrGroup = Infer<typeof cidrGroupSchema>;
