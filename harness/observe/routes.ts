import { onNode } from "#harness/cluster/kind-cluster.ts";
import { MeshproofError } from "#harness/core/errors.ts";

/** Where a node's kernel sends a packet for an address. */
export interface Way {
  /** The next hop, where the address is not on a network of the node's own. */
  readonly via: string | undefined;
  readonly device: string;
}

/** `ip route get` on a node. */
export async function wayTo(node: string, ip: string, signal: AbortSignal): Promise<Way> {
  const told = (await onNode(node, ["ip", "-o", "route", "get", ip], { signal })).stdout;
  const device = / dev (\S+)/.exec(told)?.[1];
  if (device === undefined)
    throw new MeshproofError("evidence-malformed", `ip route get ${ip} on ${node}: ${told.slice(0, 120)}`);
  return { via: / via (\S+)/.exec(told)?.[1], device };
}
