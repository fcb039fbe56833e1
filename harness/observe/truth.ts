import type { NodeTruth, RemoteTruth } from "#harness/check/discovery.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { kinds } from "#harness/kube/kube.ts";
import { annotation } from "#harness/mesh/echo.ts";

/** A cluster's nodes from its own API server. */
export async function nodeTruth(cluster: Cluster): Promise<NodeTruth[]> {
  return (await cluster.kube.list(kinds.node)).map((n) => ({
    name: `${cluster.name}/${n.metadata.name}`,
    address: String(
      (n.status.addresses as { type: string; address: string }[]).find((a) => a.type === "InternalIP")
        ?.address,
    ),
    podCidr: String(n.spec.podCIDR),
  }));
}

/** What clustermesh-apiserver exports: nodes, endpoint addresses, identities, and services that are global and shared. */
export async function remoteTruth(cluster: Cluster): Promise<RemoteTruth> {
  const [nodes, endpoints, identities, services] = await Promise.all([
    cluster.kube.list(kinds.node),
    cluster.kube.list(kinds.ciliumEndpoint),
    cluster.kube.list(kinds.ciliumIdentity),
    cluster.kube.list(kinds.service),
  ]);
  const exported = services.filter((s) => {
    const a = s.metadata.annotations ?? {};
    const global = a[annotation.global] ?? a[annotation.oldGlobal];
    const shared = a[annotation.shared] ?? a[annotation.oldShared];
    return global === "true" && shared !== "false";
  });
  const addressed = endpoints.filter(
    (e) => ((e.status?.networking?.addressing ?? []) as unknown[]).length > 0,
  );
  return {
    nodes: nodes.length,
    endpoints: addressed.length,
    identities: identities.length,
    services: exported.length,
  };
}
