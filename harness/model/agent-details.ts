import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

// What an agent says beside its tables: of its devices, encryption and addresses, and what went wrong.

export const tunnelDeviceSchema = z.object({
  protocol: z.enum(["vxlan", "geneve"]),
  up: z.boolean(),
  /** To which it sends, and at which it listens. */
  port: z.number().exactOptional(),
});
/** `cilium_vxlan` or `cilium_geneve` of a node. */
export type TunnelDevice = Infer<typeof tunnelDeviceSchema>;

export const attachedSchema = z.object({ device: z.string(), programs: z.array(z.string()) });
/** Cilium's BPF programs at one device of a node, by the pins of their links. */
export type Attached = Infer<typeof attachedSchema>;

export const encryptionSchema = z.object({
  /** Of its WireGuard interface, in base64: what other nodes must encrypt for. */
  wireguardKey: z.string().exactOptional(),
  /** Counters of the kernel's IPsec that are not 0, by name: `XfrmInStateProtoError`. They count from the node's boot. */
  xfrmErrors: z.record(z.string(), z.number()),
});
/** `cilium-dbg encrypt status`, and `/proc/net/xfrm_stat`. */
export type EncryptionState = Infer<typeof encryptionSchema>;

export const ipamSchema = z.object({
  /** `254/254 allocated from 10.2.1.0/24`: one of each address family and pool. */
  pools: z.array(z.object({ used: z.number(), size: z.number(), range: z.string() })),
  /** Who has which address, as the agent knows it: `shop/cart-1`, `router`, `health`. */
  owners: z.array(z.object({ ip: z.string(), owner: z.string() })),
});
/** The addresses that an agent gives out on its node. */
export type IpamState = Infer<typeof ipamSchema>;

export const loggedSchema = z.object({
  /**
   * `map-full`: a BPF map takes no more entries; `policy-refused`: the agent does not take a policy; `fatal`: why it ended.
   */
  kind: z.enum(["map-full", "policy-refused", "fatal"]),
  /** The map, the policy (`namespace/name`, or `name` of a clusterwide one), or empty. */
  name: z.string(),
  /** The error, in the words of the log. */
  text: z.string(),
  times: z.number(),
  /** Unix time of the last one. */
  atMs: z.number().exactOptional(),
});
/** What an agent logged that explains what is missing elsewhere. */
export type Logged = Infer<typeof loggedSchema>;

/** Of an agent's pod in an archive of which nothing but the log is there. */
export const crashSchema = z.object({ pod: z.string(), logged: z.array(loggedSchema) });
