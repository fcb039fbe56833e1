import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { ClusterPolicies } from "#harness/model/what-if.ts";
import type { IdentityLabels } from "#harness/semantics/cluster-selectors.ts";
import { clusterKey, namespaceKey, namespaceLabel } from "#harness/semantics/policy-model.ts";
import { known, nameOf, unseenPeers } from "./parts.ts";

export interface RemotePod {
  /** `cluster/namespace/pod`, or an identity if the pods of its cluster were not supplied. */
  readonly name: string;
  readonly labels: IdentityLabels;
}

/** Pods of the other clusters, and in place of pods that were not supplied the identities that agents hold. */
export function remotePodsOf(
  mesh: MeshSnapshot,
  cluster: ClusterSnapshot,
  policies: ReadonlyMap<string, ClusterPolicies>,
): { pods: RemotePod[]; missing: string[] } {
  const pods: RemotePod[] = [];
  const missing: string[] = [];
  const supplied = new Set([nameOf(cluster)]);
  for (const other of mesh.clusters.filter((c) => c !== cluster)) {
    const namespaces = policies.get(other.name)?.namespaces;
    if (!other.pods.ok) missing.push(`pods of ${nameOf(other)}: ${other.pods.why}`);
    else if (namespaces?.ok !== true)
      missing.push(`namespaces of ${nameOf(other)}: ${namespaces?.why ?? "not supplied"}`);
    else {
      supplied.add(nameOf(other));
      pods.push(...podsOf(other, namespaces.value));
    }
  }
  const identities = identitiesOf(cluster, supplied);
  pods.push(...identities.map(({ pod }) => pod));
  const peers = new Set([
    ...unseenPeers(mesh, cluster),
    ...cluster.agents.flatMap((a) => known(a.remotes).map((r) => r.name)),
  ]);
  const seen = new Set([...supplied, ...mesh.clusters.map(nameOf), ...identities.map((i) => i.cluster)]);
  if (mesh.clusters.length === 1 && peers.size === 0 && identities.length === 0)
    missing.push("no data of another cluster was supplied");
  for (const peer of peers) if (!seen.has(peer)) missing.push(`data of ${peer} was not supplied`);
  return { pods, missing };
}

function podsOf(
  other: ClusterSnapshot,
  namespaces: ReadonlyMap<string, Readonly<Record<string, string>>>,
): RemotePod[] {
  const cluster = nameOf(other);
  return known(other.pods)
    .filter((p) => !p.hostNetwork)
    .map((p) => ({
      name: `${cluster}/${p.namespace}/${p.name}`,
      labels: {
        ...p.labels,
        ...Object.fromEntries(
          Object.entries({
            "kubernetes.io/metadata.name": p.namespace,
            ...namespaces.get(p.namespace),
          }).map(([key, value]) => [`${namespaceLabel}${key}`, value]),
        ),
        [namespaceKey]: p.namespace,
        [clusterKey]: cluster,
      },
    }));
}

function identitiesOf(
  cluster: ClusterSnapshot,
  supplied: ReadonlySet<string>,
): { cluster: string; pod: RemotePod }[] {
  const found = new Map<number, { cluster: string; pod: RemotePod }>();
  for (const agent of cluster.agents)
    for (const { id, labels } of known(agent.identities)) {
      const own = Object.fromEntries(
        labels
          .filter((l) => l.startsWith("k8s:"))
          .map((l) => {
            const [key = "", ...value] = l.slice("k8s:".length).split("=");
            return [key, value.join("=")];
          }),
      );
      const from = own[clusterKey];
      if (from === undefined || supplied.has(from)) continue;
      found.set(id, {
        cluster: from,
        pod: { name: `${from}/${own[namespaceKey] ?? "?"} (identity ${id})`, labels: own },
      });
    }
  return [...found.values()];
}
