import { lookupRoute } from "#harness/cilium/agent/routes.ts";
import { type LocalNode, onNode } from "#harness/cluster/node.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { Fault } from "../fault.ts";
import { clusterAt, victimNode } from "./victim.ts";

/** Before the tables that Cilium's routes are in. */
const preference = "90";
const ruleOf = (to: string): string[] => ["to", to, "blackhole", "pref", preference];

/** A rule rather than a route that is taken away: agents set their routes anew. */
export const routeBlackholed: Fault = {
  name: "route-blackholed",
  group: "network",
  needs: "native routing",
  // Answers of the node's pods go that way too.
  wide: true,
  does: "keeps the first cluster's worker from the second one's pod CIDR by a routing rule",
  async inject(ctx) {
    const node = await victimNode(ctx, 0);
    const to = clusterAt(ctx, 1).podCidr;
    await ctx.recordUndo({ do: "remove-routing-rule", node: node.name, to });
    await onNode(node, ["ip", "rule", "add", ...ruleOf(to)], { signal: ctx.signal });
    return {
      subject: `the way from node ${node.name} to ${to}`,
      names: [node.name],
      async tookHold() {
        const route = await lookupRoute(node, to.replace(/\.\d+\/\d+$/, ".1"), ctx.signal);
        if (route.device !== undefined)
          throw new MeshproofError("fault-no-effect", `${node.name} still has a way to ${to}`);
      },
    };
  },
};

/** Idempotent: a rule that is gone is no error. */
export async function removeRoutingRule(node: LocalNode, to: string, signal: AbortSignal): Promise<void> {
  await onNode(node, ["ip", "rule", "del", ...ruleOf(to)], { tolerate: true, signal });
  const left = (await onNode(node, ["ip", "rule"], { signal })).stdout;
  if (left.includes(`to ${to} blackhole`))
    throw new MeshproofError("cleanup-failed", `the routing rule for ${to} is left on ${node.name}`);
}
