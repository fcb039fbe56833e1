import type { Cluster } from "#harness/cluster/cluster.ts";
import { type KindRef, kinds } from "#harness/kube/kube.ts";
import type { NodeTruth, RemoteTruth } from "#harness/model/truth.ts";
import type { ClusterObjects } from "#harness/semantics/cluster-objects.ts";
import { type ExportedState, exportedState } from "#harness/semantics/exported-state.ts";
import { entriesUnder } from "./kvstore/kvstore.ts";
import {
  ciliumEndpointStates,
  ciliumNodeState,
  identityState,
  namespaceState,
  nodeState,
  podState,
  serviceState,
  sliceState,
} from "./object-states.ts";

/** The objects of a cluster's API server that decide what its kvstore and all agents should hold. */
export async function clusterObjects(cluster: Cluster): Promise<ClusterObjects> {
  const { kube } = cluster;
  const settings = ((await kube.get(kinds.configMap, "kube-system", "cilium-config"))?.data ?? {}) as Record<
    string,
    string
  >;
  const list = async <T>(kind: KindRef, state: (o: Awaited<ReturnType<typeof kube.list>>[number]) => T) =>
    (await kube.list(kind)).map(state);
  const [namespaces, nodes, ciliumNodes, pods, endpoints, services, slices] = await Promise.all([
    list(kinds.namespace, namespaceState),
    list(kinds.node, nodeState),
    list(kinds.ciliumNode, ciliumNodeState),
    list(kinds.pod, podState),
    list(kinds.ciliumEndpoint, ciliumEndpointStates),
    list(kinds.service, serviceState),
    list(kinds.endpointSlice, sliceState),
  ]);
  return {
    ...{ name: cluster.name, id: cluster.id, version: cluster.ciliumVersion, settings, repeated: true },
    hasApiserver: cluster.capabilities.hasApiserver,
    ...{ namespaces, nodes, ciliumNodes, pods, services, slices },
    ciliumEndpoints: endpoints.flat(),
    ciliumIdentities: cluster.capabilities.hasApiserver
      ? await list(kinds.ciliumIdentity, identityState)
      : undefined,
    // Their kind exists only where the CRDs of the MCS API do.
    serviceExports:
      settings["clustermesh-enable-mcs-api"] === "true"
        ? await list(kinds.serviceExport, ({ metadata: { namespace = "", name } }) => ({ namespace, name }))
        : undefined,
  };
}

/**
 * A cluster's nodes from its own API server, with their pod CIDRs; with cluster-pool IPAM, Cilium's operator assigns
 * these.
 */
export async function nodeTruth(cluster: Cluster): Promise<NodeTruth[]> {
  const pools = (await cluster.setting("ipam")) === "cluster-pool";
  const ciliumNodes = pools ? await cluster.kube.list(kinds.ciliumNode) : [];
  return (await cluster.kube.list(kinds.node)).map((n) => ({
    name: `${cluster.name}/${n.metadata.name}`,
    address: nodeState(n).address,
    podCidr: String(
      pools
        ? ciliumNodes.find((c) => c.metadata.name === n.metadata.name)?.spec?.ipam?.podCIDRs?.[0]
        : n.spec.podCIDR,
    ),
  }));
}

/**
 * How much a cluster exports: nodes, endpoint addresses, identities, and services that are global and shared. In kvstore
 * identity mode the API server has no objects for identities, so the cluster's kvstore is the source.
 */
export async function remoteTruth(cluster: Cluster): Promise<RemoteTruth> {
  const objects = await clusterObjects(cluster);
  const exported = exportedState(objects);
  const count = (part: keyof ExportedState): number => exported[part]?.size ?? 0;
  const addresses = objects.hasApiserver
    ? { endpoints: count("addresses"), identities: count("identities") }
    : {
        endpoints: (await entriesUnder(cluster, "cilium/state/ip/v1/default/")).size,
        identities: (await entriesUnder(cluster, "cilium/state/identities/v1/id/")).size,
      };
  return {
    nodes: objects.nodes?.length ?? 0,
    services: count("services"),
    endpointSlices: count("slices"),
    ...addresses,
  };
}
