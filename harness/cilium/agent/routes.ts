import { type LocalNode, onNode } from "#harness/cluster/node.ts";
import { MeshproofError } from "#harness/lib/errors.ts";

/** The next hop of a node's kernel for an address. */
export interface Route {
  /** The gateway, if the address is not on one of the node's networks. */
  readonly via: string | undefined;
  /** Undefined if there is none. */
  readonly device: string | undefined;
}

/** `ip route get` on a node. */
export async function lookupRoute(node: LocalNode, ip: string, signal: AbortSignal): Promise<Route> {
  const { stdout: reported, stderr } = await onNode(node, ["ip", "-o", "route", "get", ip], {
    tolerate: true,
    signal,
  });
  // The kernel's messages for a blackhole and for a missing route.
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
