import { type Cluster, requireKind } from "#harness/cluster/cluster.ts";
import type { KindCluster } from "#harness/cluster/kind/kind-cluster.ts";
import type { KindNode } from "#harness/cluster/kind/kind-node.ts";
import type { ClusterNode } from "#harness/cluster/node.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import type { Harm } from "../fault.ts";

/** The cluster at an index of the mesh: 0 is the first. */
export function clusterAt({ mesh }: Harm, index: number): Cluster {
  return found(mesh.clusters[index], `cluster number ${index + 1} in lab ${mesh.state.lab}`);
}

/** The same, which must be one that Meshproof created: `needsOf` refuses others before. */
export const kindClusterAt = (harm: Harm, index: number): KindCluster =>
  requireKind(clusterAt(harm, index), "a fault of nodes");

/** The two clusters that most faults work between. */
export const firstTwo = (harm: Harm): readonly [Cluster, Cluster] => [clusterAt(harm, 0), clusterAt(harm, 1)];

/** The last worker of the cluster at an index, or its only node: the one that faults of nodes and agents strike. */
export async function victimNode(harm: Harm, index: number): Promise<ClusterNode & KindNode> {
  const cluster = kindClusterAt(harm, index);
  const nodes = await cluster.nodes();
  const node = nodes.findLast((n) => n.role === "worker") ?? nodes[0];
  if (node === undefined)
    throw new MeshproofError("fault-no-effect", `cluster ${cluster.name} has no node to harm`);
  return node;
}
