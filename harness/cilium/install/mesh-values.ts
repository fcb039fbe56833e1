import type { Cluster } from "#harness/cluster/cluster.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { deploymentReady } from "#harness/kube/conditions.ts";
import { kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import { releaseValues, upgradeCilium } from "#harness/platform/helm.ts";

/** An entry of `clustermesh.config.clusters`: name, port and addresses of a peer. */
export type Member = Readonly<Record<string, unknown>>;

const releaseOf = ({ state: { artifacts } }: Mesh, cluster: Cluster, signal: AbortSignal) => ({
  helm: artifacts.tools.helm,
  kubeconfig: cluster.kubeconfig,
  chartDir: found(artifacts.clusters[cluster.name], `artifact of cluster ${cluster.name}`).chartDir,
  signal,
});

/**
 * The peers in a cluster's Helm values. Throws `usage` if they hold keys, as in the profiles in which every cluster has a
 * CA of its own: such a list must not be kept in a journal.
 */
export async function membersOf(
  mesh: Mesh,
  cluster: Cluster,
  signal: AbortSignal,
): Promise<readonly Member[]> {
  const values = await releaseValues(releaseOf(mesh, cluster, signal));
  const { config } = (values.clustermesh ?? {}) as { config?: { clusters?: unknown } };
  const members = config?.clusters;
  if (!Array.isArray(members))
    throw new MeshproofError(
      "usage",
      `the Helm values of ${cluster.name} have no list clustermesh.config.clusters`,
      { remedy: "use a lab of the default profile" },
    );
  if (members.some((m) => typeof m === "object" && m !== null && "tls" in m))
    throw new MeshproofError("usage", `the peers in the Helm values of ${cluster.name} have keys`, {
      remedy: "use a lab of the default profile, in which one CA signs for all clusters",
    });
  return members as Member[];
}

/**
 * Changes the peers in a cluster's Helm values, as a user does who adds or removes a cluster. Returns when Helm does:
 * kubelet and the components follow in their own time. Does nothing if they are the peers already.
 */
export async function setMembers(
  mesh: Mesh,
  cluster: Cluster,
  members: readonly Member[],
  signal: AbortSignal,
): Promise<void> {
  if (JSON.stringify(await membersOf(mesh, cluster, signal)) === JSON.stringify(members)) return;
  await upgradeCilium({
    ...releaseOf(mesh, cluster, signal),
    values: { clustermesh: { config: { clusters: members } } },
  });
}

/**
 * Sets `clustermesh.cacheTTL`, such as `30s`; `0s` is the chart's default: nothing expires. Ends when
 * clustermesh-apiserver, whose KVStoreMesh reads it from its arguments, runs with it; agents read it when they start.
 */
export async function setCacheTtl(
  mesh: Mesh,
  cluster: Cluster,
  cacheTTL: string,
  signal: AbortSignal,
): Promise<void> {
  await upgradeCilium({ ...releaseOf(mesh, cluster, signal), values: { clustermesh: { cacheTTL } } });
  if (!cluster.capabilities.hasApiserver) return;
  const where = { namespace: "kube-system", name: "clustermesh-apiserver" };
  await cluster.kube.until(kinds.deployment, where, deploymentReady, {
    what: `clustermesh-apiserver of ${cluster.name} with cacheTTL ${cacheTTL}`,
    withinMs: 180_000,
    signal,
  });
}
