import { nameOf } from "#harness/diagnose/parts.ts";
import { type RemotePod, remotePodsOf } from "#harness/diagnose/remote-pods.ts";
import { contextOf } from "#harness/diagnose/what-if.ts";
import { found } from "#harness/lib/found.ts";
import { oncePer } from "#harness/lib/once-per.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { ClusterSnapshot, PodState } from "#harness/model/mesh-snapshot.ts";
import type { ClusterPolicies, UserPolicy, WhatIfChange } from "#harness/model/what-if.ts";
import { openSelectors } from "#harness/semantics/cluster-selectors.ts";
import {
  type AccessChange,
  accessChange,
  type JudgedCluster,
  type Verdicts,
  verdictsOf,
} from "#harness/semantics/combined-access.ts";
import { certainly, type MeshPod, placedRules } from "#harness/semantics/policy-clusters.ts";
import { inEffect } from "#harness/semantics/policy-effect.ts";
import {
  clusterKey,
  enforcementOf,
  type ModelPod,
  namespaceKey,
  namespaceLabel,
  selectsSubject,
} from "#harness/semantics/policy-model.ts";
import { type CheckedCluster, snapshotAt } from "./checked-mesh.ts";

type Policies = ReadonlyMap<string, ClusterPolicies>;
export type PeerPod = MeshPod & Required<Pick<RemotePod, "replicas">>;

/** The pods of a cluster, and those of the others that it knows of. */
interface PodsAround {
  readonly name: string;
  readonly own: readonly MeshPod[];
  readonly peers: readonly PeerPod[];
}

/** What policies say of connections, before the upgrade and after it. */
export interface PolicyMove {
  readonly policies: Policies;
  readonly before: Verdicts;
  readonly after: Verdicts;
  /** Undefined where two clusters have one name: then nobody knows whose pods a selector means. */
  readonly around: (cluster: CheckedCluster) => PodsAround | undefined;
}

export function policyMove(clusters: readonly CheckedCluster[], policies: Policies): PolicyMove {
  const at = (when: "before" | "after"): Verdicts =>
    verdictsOf(
      snapshotAt(clusters, when).clusters.map((snapshot, i) =>
        judged(snapshot, found(clusters[i], "cluster")[when], allOf(policies.get(snapshot.name))),
      ),
    );
  const mesh = snapshotAt(clusters, "before");
  const pods = podsByName(mesh.clusters);
  const isNamed = new Set(mesh.clusters.map(nameOf)).size === mesh.clusters.length;
  const around = oncePer((cluster: CheckedCluster): PodsAround | undefined => {
    if (!isNamed) return undefined;
    const snapshot = found(
      mesh.clusters.find((c) => c.name === cluster.name),
      `snapshot of ${cluster.name}`,
    );
    return {
      name: nameOf(snapshot),
      own: podsOf(snapshot, policies.get(cluster.name)),
      peers: remotePodsOf(mesh, snapshot, policies).pods.map(({ name, labels, replicas = 1 }) => ({
        ...meshPod(name, labels, pods.get(name)),
        replicas,
      })),
    };
  });
  return { policies, before: at("before"), after: at("after"), around };
}

const allOf = (own: ClusterPolicies | undefined): UserPolicy[] =>
  Object.values(own?.policies ?? {}).flatMap((part) => (part.ok ? part.value : []));

function judged(
  snapshot: ClusterSnapshot,
  settings: CheckedCluster["before"],
  policies: readonly UserPolicy[],
): JudgedCluster {
  const context = contextOf(snapshot);
  const local = settings["policy-default-local-cluster"];
  return {
    name: nameOf(snapshot),
    isLocal: local === undefined ? isAtLeast(context.version ?? "0.0.0", "1.19") : local === "true",
    enforcement: enforcementOf(settings),
    policies: inEffect(policies, settings, context),
  };
}

/**
 * Whom a change of one selector gives or takes access, by all policies together. Undefined where that cannot be known:
 * without a pod that the policy is about, or where labels of pods do not decide.
 */
export function accessOf(
  { policies, before, after, around }: PolicyMove,
  cluster: CheckedCluster,
  change: WhatIfChange,
): AccessChange<PeerPod> | undefined {
  const { remote, path } = change;
  const policy = allOf(policies.get(cluster.name)).find(
    (p) => p.kind === change.kind && p.namespace === change.namespace && p.name === change.name,
  );
  const placed = policy?.specs.find((s) => path.startsWith(`${s.path}.`));
  if (remote === undefined || policy === undefined || placed === undefined) return undefined;
  const rule = placedRules(placed).find((r) => path.startsWith(`${r.path}.`));
  const matches = openSelectors(policy).find((s) => s.path === path)?.matches;
  if (rule === undefined || matches === undefined) return undefined;
  const pods = around(cluster);
  if (pods === undefined) return undefined;
  const model = { ...policy, cluster: pods.name, spec: placed.spec };
  const subjects = pods.own.filter((pod) => certainly(() => selectsSubject(model, pod.model)));
  if (subjects.length === 0) return undefined;
  const peers = pods.peers.filter((pod) => certainly(() => matches(pod.labels)));
  return accessChange(before, after, { rule, access: remote.access, subjects, peers });
}

/** With labels as those of an identity: of its namespace and its cluster, too. */
function meshPod(title: string, labels: Readonly<Record<string, string>>, of: PodState | undefined): MeshPod {
  const ofNamespace = Object.entries(labels)
    .filter(([key]) => key.startsWith(namespaceLabel))
    .map(([key, value]) => [key.slice(namespaceLabel.length), value]);
  const named = of?.ports?.filter((p) => p.name !== "" && p.protocol === "TCP");
  const model: ModelPod = {
    ...{ cluster: labels[clusterKey] ?? "", namespace: labels[namespaceKey] ?? "", labels },
    namespaceLabels: Object.fromEntries(ofNamespace) as Record<string, string>,
    ...(named === undefined ? {} : { portNames: Object.fromEntries(named.map((p) => [p.name, p.port])) }),
  };
  const ports = (of?.ports ?? []).flatMap(({ port, protocol }): MeshPod["ports"] =>
    protocol === "TCP" || protocol === "UDP" ? [{ port, protocol }] : [],
  );
  return { title, labels, model, ips: [], ports };
}

const isCounted = ({ hostNetwork, ended }: PodState): boolean => !hostNetwork && ended !== true;

const titleOf = (cluster: ClusterSnapshot, { namespace, name }: PodState): string =>
  `${nameOf(cluster)}/${namespace}/${name}`;

/** As `remotePodsOf` names them. */
const podsByName = (clusters: readonly ClusterSnapshot[]): ReadonlyMap<string, PodState> =>
  new Map(clusters.flatMap((c) => (c.pods.ok ? c.pods.value.map((p) => [titleOf(c, p), p] as const) : [])));

function podsOf(cluster: ClusterSnapshot, own: ClusterPolicies | undefined): MeshPod[] {
  if (!cluster.pods.ok) return [];
  const namespaces = own?.namespaces.ok === true ? own.namespaces.value : undefined;
  return cluster.pods.value.filter(isCounted).map((pod) => {
    const ofNamespace = { "kubernetes.io/metadata.name": pod.namespace, ...namespaces?.get(pod.namespace) };
    const labels = {
      ...pod.labels,
      ...Object.fromEntries(
        Object.entries(ofNamespace).map(([key, value]) => [`${namespaceLabel}${key}`, value]),
      ),
      [namespaceKey]: pod.namespace,
      [clusterKey]: nameOf(cluster),
    };
    return meshPod(titleOf(cluster, pod), labels, pod);
  });
}
