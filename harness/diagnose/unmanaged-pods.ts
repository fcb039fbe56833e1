import { oncePer } from "#harness/lib/once-per.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, PodState } from "#harness/model/mesh-snapshot.ts";
import { findingOf } from "./catalogue/index.ts";
import { known, kubectl, nameOf } from "./parts.ts";

const shown = 5;

/**
 * Ready pods without a CiliumEndpoint whose address the agent of their node has not given out: it knows nothing of them.
 * Only where the agent lists the addresses of its pods; some cloud providers' IPAM names no owners, which does not matter.
 */
export const unmanagedPodsOf = oncePer((cluster: ClusterSnapshot): readonly PodState[] => {
  if (!cluster.ciliumEndpoints.ok) return [];
  const managed = new Set(cluster.ciliumEndpoints.value.map((e) => `${e.namespace}/${e.name}`));
  const given = new Map(
    cluster.agents.flatMap(({ node, ipam }) =>
      ipam?.ok === true && ipam.value.owners.length > 0
        ? [[node, new Set(ipam.value.owners.map((o) => o.ip))] as const]
        : [],
    ),
  );
  return known(cluster.pods).filter(
    (p) =>
      p.ready &&
      !p.hostNetwork &&
      !p.ending &&
      p.ended !== true &&
      p.ip !== "" &&
      !managed.has(`${p.namespace}/${p.name}`) &&
      given.get(p.node)?.has(p.ip) === false,
  );
});

/** Pods that another CNI plugin gave their network (cilium#3760). */
export function unmanagedPods(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) =>
    [...Map.groupBy(unmanagedPodsOf(cluster), (p) => p.namespace)].map(([namespace, pods]) => {
      const names = pods.map((p) => `${p.name} (${p.ip})`);
      const isOlder = pods.every((p) => isOlderThanAgent(cluster, p));
      const one = pods.length === 1;
      return findingOf("pod-unmanaged", {
        cluster: cluster.name,
        subject: `pods of ${namespace} of ${nameOf(cluster)}`,
        message: `${one ? "pod" : "pods"} ${shortList(names, shown)} of namespace ${namespace} of ${nameOf(cluster)} ${one ? "has" : "have"} no CiliumEndpoint, and the ${one ? "agent of its node" : "agents of their nodes"} did not give ${one ? "it its address" : "them their addresses"}: Cilium does not manage ${one ? "it" : "them"}${isOlder ? `; ${one ? "it" : "they"} started before the agent` : ""}`,
        next: `replace ${one ? "it" : "them"}: ${kubectl(namespace, "delete", ...pods.map((p) => `pod/${p.name}`))}`,
      });
    }),
  );
}

/** By the pod of the agent: a container that was restarted in it keeps what it knew. */
function isOlderThanAgent(cluster: ClusterSnapshot, { node, startedMs }: PodState): boolean {
  const agent = known(cluster.pods).find((p) => p.node === node && p.labels["k8s-app"] === "cilium");
  return startedMs !== undefined && agent?.startedMs !== undefined && startedMs < agent.startedMs;
}
