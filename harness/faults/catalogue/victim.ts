import { type Cluster, requireKind } from "#harness/cluster/cluster.ts";
import type { KindCluster } from "#harness/cluster/kind/kind-cluster.ts";
import type { KindNode } from "#harness/cluster/kind/kind-node.ts";
import type { ClusterNode } from "#harness/cluster/node.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import type { FaultContext } from "../fault.ts";

/** The cluster at an index of the mesh: 0 is the first. */
export function clusterAt({ mesh }: FaultContext, index: number): Cluster {
  return found(mesh.clusters[index], `cluster number ${index + 1} in lab ${mesh.state.lab}`);
}

/** The same, for a fault that needs a KindCluster; `needsOf` has already refused others. */
export const kindClusterAt = (ctx: FaultContext, index: number): KindCluster =>
  requireKind(clusterAt(ctx, index), "a fault of nodes");

/** The two clusters of most faults. */
export const firstTwo = (ctx: FaultContext): readonly [Cluster, Cluster] => [
  clusterAt(ctx, 0),
  clusterAt(ctx, 1),
];

/** The last worker of the cluster at an index, or its only node: the target of faults of nodes and agents. */
export async function victimNode(ctx: FaultContext, index: number): Promise<ClusterNode & KindNode> {
  const cluster = kindClusterAt(ctx, index);
  const nodes = await cluster.nodes();
  const node = nodes.findLast((n) => n.role === "worker") ?? nodes[0];
  if (node === undefined)
    throw new MeshproofError("fault-no-effect", `cluster ${cluster.name} has no node for the fault`);
  return node;
}
