import { agentsOf } from "#harness/cilium/agent/agent.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import type { PersistentState } from "#harness/model/persistent-state.ts";

/**
 * What must persist through an upgrade, of one namespace: identities, endpoint ids, backends in BPF maps, policies'
 * status.
 */
export async function persistentState(
  cluster: Cluster,
  namespace: string,
  signal: AbortSignal,
): Promise<PersistentState> {
  const [endpoints, identities, services, policies, agents] = await Promise.all([
    cluster.kube.list(kinds.ciliumEndpoint, namespace),
    cluster.kube.list(kinds.ciliumIdentity),
    cluster.kube.list(kinds.service, namespace),
    cluster.kube.list(kinds.ciliumNetworkPolicy, namespace),
    agentsOf(cluster, signal),
  ]);
  const backends: Record<string, string> = {};
  for (const agent of agents) {
    const maps = await agent.lbMaps();
    // A headless service has no address that a map could hold.
    for (const { metadata, spec } of services.filter((s) => s.spec.clusterIP !== "None"))
      for (const { port, protocol } of spec.ports as { port: number; protocol: string }[])
        backends[`${metadata.name}:${port}/${protocol} on ${agent.node}`] = (
          maps.get(`${spec.clusterIP}:${port}/${protocol}`) ?? []
        )
          .toSorted()
          .join(", ");
  }
  const of = (objects: readonly KubeObject[], read: (o: KubeObject) => unknown): Record<string, string> =>
    Object.fromEntries(objects.map((o) => [o.metadata.name, String(read(o) ?? "none")]));
  return {
    identities: of(endpoints, (e) => e.status?.identity?.id),
    twins: twinsOf(identities),
    endpoints: of(endpoints, (e) => e.status?.id),
    backends,
    policies: of(
      policies,
      (p) =>
        (p.status?.conditions as { type: string; status: string }[] | undefined)?.find(
          (c) => c.type === "Valid",
        )?.status,
    ),
  };
}

/** Of CiliumIdentities: those that have twins. */
export function twinsOf(identities: readonly KubeObject[]): Record<string, string[]> {
  const labelsOf = (identity: KubeObject): string => {
    const labels = (identity["security-labels"] ?? {}) as Readonly<Record<string, string>>;
    return JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  };
  const alike = Map.groupBy(identities, labelsOf);
  return Object.fromEntries(
    [...alike.values()].flatMap((same) => {
      const ids = same.map((i) => i.metadata.name).toSorted();
      return ids.length < 2 ? [] : ids.map((id) => [id, ids.filter((other) => other !== id)] as const);
    }),
  );
}
