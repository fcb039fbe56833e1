import { checkNetwork } from "#harness/config/plan.ts";
import type { KindLabPlan, LabPlan } from "#harness/model/lab-plan.ts";
import { startRouter } from "#harness/platform/containers.ts";
import { containerAddress, ensureNetwork, execIn, networkSubnet } from "#harness/platform/docker.ts";
import { labLabels } from "#harness/platform/owner.ts";
import { networkOf } from "#harness/state/lab.ts";
import { kindNodes } from "./kind-node.ts";

/** The Docker network of a cluster's nodes: the lab's, or one per cluster. */
export const clusterNetwork = (plan: Pick<LabPlan, "lab" | "networks">, cluster: string): string =>
  networkOf(plan.lab, plan.networks === "each" ? cluster : undefined);

/** Every Docker network of a lab's nodes; external clusters may have none. */
export const networksOf = (plan: LabPlan): string[] => [
  ...new Set(plan.clusters.flatMap((c) => (c.kind === "kind" ? [clusterNetwork(plan, c.name)] : c.networks))),
];

export async function createNetworks(plan: KindLabPlan): Promise<void> {
  const ipv6 = plan.clusters.some((c) => c.podCidr6 !== undefined);
  for (const name of networksOf(plan)) {
    await ensureNetwork(name, { labels: labLabels(plan.lab), ipv6 });
    checkNetwork(plan, name, await networkSubnet(name));
  }
}

/**
 * Connects clusters on separate networks: a router on all of them, and routes to it in every node. Call it again for
 * a node that restarted, because its routes are lost with its network namespace.
 */
export async function routeBetween(
  plan: KindLabPlan,
  routerImage: string,
  signal: AbortSignal,
): Promise<void> {
  const networks = networksOf(plan);
  if (networks.length < 2) return;
  const router = await startRouter(plan.lab, networks, routerImage);
  const subnets = await Promise.all(networks.map(networkSubnet));
  for (const { name } of plan.clusters) {
    const own = clusterNetwork(plan, name);
    const via = await containerAddress(router, own);
    for (const node of (await kindNodes(plan.lab, name)).filter((n) => n.running))
      for (const subnet of subnets.filter((_, i) => networks[i] !== own))
        await execIn(node.container, ["ip", "route", "replace", subnet, "via", via], { signal });
  }
}
