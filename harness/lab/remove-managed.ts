import type { Cluster } from "#harness/cluster/cluster.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { removeNamespace } from "#harness/kube/namespace.ts";
import { systemNamespace } from "#harness/workloads/vantage.ts";
import { healLeftovers, removeLeftovers } from "./open-lab.ts";

/** Heals faults in external clusters and removes every managed namespace from them. */
export async function removeManaged(mesh: Mesh): Promise<void> {
  await healLeftovers(mesh, () => {});
  await removeLeftovers(mesh, () => {});
  await Promise.all(mesh.clusters.map((c: Cluster) => removeNamespace(c.kube, systemNamespace)));
}
