import { MeshproofError } from "#harness/lib/errors.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import { ExternalCluster } from "./external/external-cluster.ts";
import { KindCluster } from "./kind/kind-cluster.ts";
import type { LocalNode } from "./node.ts";

/**
 * A running cluster of the mesh. `capabilities` says what it allows; functions that need a kind cluster take a
 * `KindCluster`.
 */
export type Cluster = KindCluster | ExternalCluster;

/** A cluster of a lab, by its plan; throws `usage` for a name that the lab does not have. */
export function clusterOf({ plan, artifacts }: Pick<LabState, "plan" | "artifacts">, name: string): Cluster {
  const planned = plan.clusters.find((c) => c.name === name);
  const cilium = artifacts.clusters[name]?.ciliumVersion;
  if (planned === undefined || cilium === undefined)
    throw new MeshproofError("usage", `lab ${plan.lab} has no cluster ${name}`, {
      remedy: `name one of ${plan.clusters.map((c) => c.name).join(", ")}`,
    });
  return planned.kind === "kind"
    ? new KindCluster(plan, planned, cilium)
    : new ExternalCluster(plan, planned, cilium);
}

export const isKind = (cluster: Cluster): cluster is KindCluster => cluster.kind === "kind";

/** Throws `usage` for an external cluster, with the purpose that it does not allow. */
export function requireKind(cluster: Cluster, purpose: string): KindCluster {
  if (isKind(cluster)) return cluster;
  throw new MeshproofError("usage", `${purpose} is unsupported on external clusters: ${cluster.name}`, {
    remedy: "use a lab that Meshproof creates",
  });
}

/** A node that can run programs; throws `usage` if the nodes are not containers of this machine. */
export function localNode(cluster: Cluster, name: string): LocalNode {
  if (isKind(cluster)) return cluster.node(name);
  if (cluster.capabilities.nodesAreLocal) return { name, container: name };
  throw new MeshproofError(
    "usage",
    `node ${name} of ${cluster.name} is not a container of this machine: no program can be run in it`,
    { remedy: "use clusters whose nodes are containers of this machine, or a lab that Meshproof creates" },
  );
}
