import type { Cluster } from "#harness/cluster/cluster.ts";
import { kinds } from "#harness/kube/kube.ts";
import { withoutAgent } from "#harness/semantics/agents.ts";

/** `cluster/node` of the API server's nodes that have no agent: what a loop over the agents would leave out. */
export async function nodesWithoutAgent(cluster: Cluster): Promise<string[]> {
  const [nodes, agents] = await Promise.all([cluster.kube.list(kinds.node), cluster.agents()]);
  return withoutAgent(
    nodes.map((n) => ({ name: n.metadata.name, os: n.metadata.labels?.["kubernetes.io/os"] })),
    agents,
  ).map((node) => `${cluster.name}/${node}`);
}
