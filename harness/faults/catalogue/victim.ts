import { requireKind } from "#harness/cluster/cluster.ts";
import type { KindCluster } from "#harness/cluster/kind/kind-cluster.ts";
import type { KindNode } from "#harness/cluster/kind/kind-node.ts";
import type { ClusterNode } from "#harness/cluster/node.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { Harm } from "../fault.ts";

/** The cluster at an index, which must be one that Meshproof created: `needs` refuses others before. */
export const kindClusterAt = ({ mesh }: Harm, index: number): KindCluster =>
  requireKind(mesh.clusters[index]!, "a fault of nodes");

/** The last worker of the cluster at an index, or its only node: the one that faults of nodes and agents strike. */
export async function victimNode(harm: Harm, index: number): Promise<ClusterNode & KindNode> {
  const cluster = kindClusterAt(harm, index);
  const nodes = await cluster.nodes();
  const node = nodes.findLast((n) => n.role === "worker") ?? nodes[0];
  if (node === undefined)
    throw new MeshproofError("fault-no-effect", `cluster ${cluster.name} has no node to harm`);
  return node;
}
