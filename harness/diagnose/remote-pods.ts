import { shortList } from "#harness/lib/short-list.ts";
import type { ClusterSnapshot, MeshSnapshot, Part, PodState } from "#harness/model/mesh-snapshot.ts";
import type { ClusterPolicies, PodTemplate } from "#harness/model/what-if.ts";
import type { IdentityLabels } from "#harness/semantics/cluster-selectors.ts";
import { kubernetesLabels } from "#harness/semantics/identity-labels.ts";
import { clusterKey, namespaceKey, namespaceLabel } from "#harness/semantics/policy-model.ts";
import { known, nameOf, unseenPeers } from "./parts.ts";

export interface RemotePod {
  /** `cluster/namespace/pod`, a workload, or an identity if the pods of its cluster were not supplied. */
  readonly name: string;
  readonly labels: IdentityLabels;
  /** Of a workload; otherwise it is one pod. */
  readonly replicas?: number;
  /** Why `replicas` is not the whole number. */
  readonly atLeast?: string;
  /** Why the labels of its namespace, apart from its name, are not known. */
  readonly noNamespaceLabels?: string;
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
    const own = policies.get(other.name);
    const isCounted = other.pods.ok || own?.templates !== undefined;
    const unrendered = own?.unrendered ?? [];
    if (isCounted) {
      supplied.add(nameOf(other));
      pods.push(...podsOf(other, own));
    } else if (own?.manifests !== true) missing.push(`pods of ${nameOf(other)}: ${whyOf(other.pods)}`);
    if (unrendered.length > 0)
      missing.push(
        `workloads of ${nameOf(other)} not counted: those that ${shortList(unrendered, 3)} will make`,
      );
    else if (!isCounted && own?.manifests === true)
      missing.push(`workloads of ${nameOf(other)} not counted: no Pod and no workload among the files`);
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

const whyOf = (part: Part<unknown>): string => (part.ok ? "" : part.why);

function podsOf(other: ClusterSnapshot, own: ClusterPolicies | undefined): RemotePod[] {
  const cluster = nameOf(other);
  const pods = known(other.pods);
  const inNamespace = ({ namespace, labels }: Pick<PodTemplate, "namespace" | "labels">) => {
    const given = own?.namespaces.ok === true ? own.namespaces.value.get(namespace) : undefined;
    const why =
      own?.manifests === true || own?.namespaces.ok === true
        ? `no Namespace ${namespace} among the files`
        : (own?.namespaces.why ?? "not supplied");
    return {
      labels: {
        ...labels,
        ...Object.fromEntries(
          Object.entries({ "kubernetes.io/metadata.name": namespace, ...given }).map(([key, value]) => [
            `${namespaceLabel}${key}`,
            value,
          ]),
        ),
        [namespaceKey]: namespace,
        [clusterKey]: cluster,
      },
      ...(given === undefined ? { noNamespaceLabels: `namespaces of ${cluster}: ${why}` } : {}),
    };
  };
  return [
    ...pods
      .filter((p) => !p.hostNetwork)
      .map((p) => ({ name: `${cluster}/${p.namespace}/${p.name}`, ...inNamespace(p) })),
    ...(own?.templates ?? [])
      .filter((t) => !t.hostNetwork && t.replicas > 0 && !pods.some((p) => isOf(t, p)))
      .map((t) => ({ ...sizeOf(t, other), ...inNamespace(t) })),
  ];
}

/** Where pods of a workload are among the files, they count instead of it. */
const isOf = (template: PodTemplate, pod: PodState): boolean =>
  pod.namespace === template.namespace &&
  Object.keys(template.labels).length > 0 &&
  Object.entries(template.labels).every(([key, value]) => pod.labels[key] === value);

function sizeOf(
  { kind, namespace, name, replicas }: PodTemplate,
  other: ClusterSnapshot,
): Pick<RemotePod, "name" | "replicas" | "atLeast"> {
  const title = `${nameOf(other)}/${namespace}/${name}`;
  if (kind !== "DaemonSet")
    return { name: `${title} (${kind}, ${replicas} ${replicas === 1 ? "replica" : "replicas"})`, replicas };
  return {
    name: `${title} (${kind})`,
    replicas,
    atLeast: `DaemonSet ${title} has one pod for each node, and counts as one`,
  };
}

function identitiesOf(
  cluster: ClusterSnapshot,
  supplied: ReadonlySet<string>,
): { cluster: string; pod: RemotePod }[] {
  const found = new Map<number, { cluster: string; pod: RemotePod }>();
  for (const agent of cluster.agents)
    for (const { id, labels } of known(agent.identities)) {
      const own = kubernetesLabels(labels);
      const from = own[clusterKey];
      if (from === undefined || supplied.has(from)) continue;
      found.set(id, {
        cluster: from,
        pod: { name: `${from}/${own[namespaceKey] ?? "?"} (identity ${id})`, labels: own },
      });
    }
  return [...found.values()];
}
