import type { ClusterNode } from "#harness/cluster/kind/kind-cluster.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { Harm } from "../fault.ts";

/** The last worker of the cluster at an index, or its only node: the one that faults of nodes and agents strike. */
export async function victimNode(harm: Harm, index: number): Promise<ClusterNode> {
  const cluster = harm.mesh.clusters[index]!;
  const nodes = await cluster.nodes();
  const node = nodes.findLast((n) => n.role === "worker") ?? nodes[0];
  if (node === undefined)
    throw new MeshproofError("fault-no-effect", `cluster ${cluster.name} has no node to harm`);
  return node;
}
