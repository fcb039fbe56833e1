import { type LocalNode, onNode } from "#harness/cluster/node.ts";
import { MeshproofError } from "#harness/lib/errors.ts";

/** Where a node's kernel sends a packet for an address. */
export interface Route {
  /** The next hop, where the address is not on a network of the node's own. */
  readonly via: string | undefined;
  /** Undefined where it has none. */
  readonly device: string | undefined;
}

/** `ip route get` on a node. */
export async function lookupRoute(node: LocalNode, ip: string, signal: AbortSignal): Promise<Route> {
  const { stdout: reported, stderr } = await onNode(node, ["ip", "-o", "route", "get", ip], {
    tolerate: true,
    signal,
  });
  // The kernel's words for a blackhole, and for no route at all.
  if (/Invalid argument|unreachable|Permission denied/.test(stderr))
    return { via: undefined, device: undefined };
  const device = / dev (\S+)/.exec(reported)?.[1];
  if (device === undefined)
    throw new MeshproofError(
      "evidence-malformed",
      `ip route get ${ip} on ${node.name}: ${`${reported}${stderr}`.slice(0, 120)}`,
    );
  return { via: / via (\S+)/.exec(reported)?.[1], device };
}
