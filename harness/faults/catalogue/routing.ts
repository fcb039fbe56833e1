import { lookupRoute } from "#harness/cilium/agent/routes.ts";
import { type LocalNode, onNode } from "#harness/cluster/node.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { Fault } from "../fault.ts";
import { clusterAt, victimNode } from "./victim.ts";

/** A priority before Cilium's own rules. */
const preference = "90";
const ruleOf = (to: string): string[] => ["to", to, "blackhole", "pref", preference];

/** Adds a rule instead of removing a route, because agents restore their routes. */
export const routeBlackholed: Fault = {
  name: "route-blackholed",
  group: "network",
  needs: "native routing",
  // It also affects responses of the node's pods.
  wide: true,
  does: "blackholes the second cluster's pod CIDR on the first cluster's worker by a routing rule",
  async inject(ctx) {
    const node = await victimNode(ctx, 0);
    const to = clusterAt(ctx, 1).podCidr;
    await ctx.recordUndo({ do: "remove-routing-rule", node: node.name, to });
    await onNode(node, ["ip", "rule", "add", ...ruleOf(to)], { signal: ctx.signal });
    return {
      subject: `the route from node ${node.name} to ${to}`,
      names: [node.name],
      async tookHold() {
        const route = await lookupRoute(node, to.replace(/\.\d+\/\d+$/, ".1"), ctx.signal);
        if (route.device !== undefined)
          throw new MeshproofError("fault-no-effect", `${node.name} still has a route to ${to}`);
      },
    };
  },
};

/** Idempotent: a missing rule is no error. */
export async function removeRoutingRule(node: LocalNode, to: string, signal: AbortSignal): Promise<void> {
  await onNode(node, ["ip", "rule", "del", ...ruleOf(to)], { tolerate: true, signal });
  const left = (await onNode(node, ["ip", "rule"], { signal })).stdout;
  if (left.includes(`to ${to} blackhole`))
    throw new MeshproofError("cleanup-failed", `the routing rule for ${to} is still on ${node.name}`);
}
