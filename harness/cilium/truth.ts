import type { Cluster } from "#harness/cluster/cluster.ts";
import { isEnded } from "#harness/kube/conditions.ts";
import { notMirrored } from "#harness/kube/endpoint-slices.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { NodeTruth, RemoteTruth } from "#harness/model/truth.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { entriesUnder } from "./kvstore/kvstore.ts";

/**
 * A cluster's nodes from its own API server, with their pod CIDRs; with cluster-pool IPAM, Cilium's operator assigns
 * these.
 */
export async function nodeTruth(cluster: Cluster): Promise<NodeTruth[]> {
  const pools = (await cluster.setting("ipam")) === "cluster-pool";
  const ciliumNodes = pools ? await cluster.kube.list(kinds.ciliumNode) : [];
  return (await cluster.kube.list(kinds.node)).map((n) => ({
    name: `${cluster.name}/${n.metadata.name}`,
    address: String(
      (n.status.addresses as { type: string; address: string }[]).find((a) => a.type === "InternalIP")
        ?.address,
    ),
    podCidr: String(
      pools
        ? ciliumNodes.find((c) => c.metadata.name === n.metadata.name)?.spec?.ipam?.podCIDRs?.[0]
        : n.spec.podCIDR,
    ),
  }));
}

/** Whether a cluster shares the objects of a namespace with the others. */
type SharesNamespace = (namespace: string | undefined) => boolean;

/**
 * From 1.20 on clustermesh-apiserver exports only the objects of existing namespaces that are global
 * (pkg/clustermesh/namespace/namespace.go). Before, every namespace is.
 */
async function sharedNamespaces(cluster: Cluster): Promise<SharesNamespace> {
  const byDefault = await cluster.setting("clustermesh-default-global-namespace");
  if (byDefault === undefined) return () => true;
  return globalAmong(await cluster.kube.list(kinds.namespace), byDefault === "true");
}

/** An annotation takes precedence over the cluster's default, and any value but `true` means that it is not global. */
export function globalAmong(namespaces: readonly KubeObject[], byDefault: boolean): SharesNamespace {
  const shared = new Set(
    namespaces
      .filter(({ metadata: { annotations } }) => {
        const value = annotations?.[annotation.globalNamespace];
        return value === undefined ? byDefault : value.toLowerCase() === "true";
      })
      .map((n) => n.metadata.name),
  );
  return (namespace) => namespace !== undefined && shared.has(namespace);
}

/** Agents that write their own cluster's etcd write every pod's address, of whatever namespace. */
const sharedPods = async (cluster: Cluster): Promise<SharesNamespace> =>
  cluster.capabilities.hasApiserver ? sharedNamespaces(cluster) : () => true;

/** Addresses of a cluster's running pods that other clusters learn: not on the host network; from its API server. */
export async function exportedAddresses(cluster: Cluster): Promise<string[]> {
  const shares = await sharedPods(cluster);
  return (await cluster.kube.list(kinds.pod))
    .filter((p) => p.spec.hostNetwork !== true && !isEnded(p.status?.phase) && shares(p.metadata.namespace))
    .map((p) => p.status?.podIP as string | undefined)
    .filter((ip) => ip !== undefined)
    .sort();
}

/** What a cluster exports: nodes, endpoint addresses, identities, and services that are global and shared. */
export async function remoteTruth(cluster: Cluster): Promise<RemoteTruth> {
  const [nodes, services, slices, addresses] = await Promise.all([
    cluster.kube.list(kinds.node),
    exportedServices(cluster),
    exportedSlices(cluster),
    cluster.capabilities.hasApiserver ? exportedByApiserver(cluster) : keptInKvstore(cluster),
  ]);
  return {
    nodes: nodes.length,
    services: services.length,
    endpointSlices: slices.length,
    ...addresses,
  };
}

/** The own EndpointSlices of the services that are global and shared; exported from 1.20 on. */
export async function exportedSlices(cluster: Cluster): Promise<KubeObject[]> {
  const services = new Set(await exportedServices(cluster));
  return notMirrored(await cluster.kube.list(kinds.endpointSlice)).filter(
    ({ metadata: { namespace, labels } }) =>
      services.has(`${namespace}/${labels?.["kubernetes.io/service-name"]}`),
  );
}

/** `namespace/name` of the services that are global and shared. */
export async function exportedServices(cluster: Cluster): Promise<string[]> {
  const shares = await sharedNamespaces(cluster);
  return (await cluster.kube.list(kinds.service))
    .filter(({ metadata }) => shares(metadata.namespace) && isExported(metadata.annotations ?? {}))
    .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
}

/** Any other value of either annotation than `true` means no; a service that is global is shared by default. */
export function isExported(a: Readonly<Record<string, string>>): boolean {
  const global = a[annotation.global] ?? a[annotation.oldGlobal];
  const shared = a[annotation.shared] ?? a[annotation.oldShared] ?? "true";
  return global?.toLowerCase() === "true" && shared.toLowerCase() === "true";
}

type Addresses = Pick<RemoteTruth, "endpoints" | "identities">;

/** In kvstore identity mode the API server has no objects for identities, so the cluster's kvstore is the source. */
async function keptInKvstore(cluster: Cluster): Promise<Addresses> {
  return {
    endpoints: (await entriesUnder(cluster, "cilium/state/ip/v1/default/")).size,
    identities: (await entriesUnder(cluster, "cilium/state/identities/v1/id/")).size,
  };
}

/**
 * The numbers of the identities that a cluster exports: its CiliumIdentities, or, if it keeps identities in its own
 * etcd, those of its endpoints.
 */
export async function exportedIdentities(cluster: Cluster): Promise<string[]> {
  if (cluster.capabilities.hasApiserver) return (await exportedObjects(cluster)).map((i) => i.metadata.name);
  const endpoints = await cluster.kube.list(kinds.ciliumEndpoint);
  return [...new Set(endpoints.map((e) => e.status?.identity?.id))]
    .filter((id) => id !== undefined)
    .map(String);
}

async function exportedByApiserver(cluster: Cluster): Promise<Addresses> {
  const [endpoints, identities, shares] = await Promise.all([
    cluster.kube.list(kinds.ciliumEndpoint),
    exportedObjects(cluster),
    sharedNamespaces(cluster),
  ]);
  // A dual-stack endpoint has two entries.
  const shared = endpoints.filter((e) => shares(e.metadata.namespace));
  const addresses = shared.flatMap((e) =>
    ((e.status?.networking?.addressing ?? []) as { ipv4?: string; ipv6?: string }[]).flatMap((a) =>
      [a.ipv4, a.ipv6].filter((ip) => ip !== undefined),
    ),
  );
  return { endpoints: addresses.length, identities: identities.length };
}

async function exportedObjects(cluster: Cluster): Promise<KubeObject[]> {
  const identities = await cluster.kube.list(kinds.ciliumIdentity);
  const namespaces = new Set((await cluster.kube.list(kinds.namespace)).map((n) => n.metadata.name));
  const shares = await sharedNamespaces(cluster);
  // From 1.19 on only identities of existing namespaces are exported
  // (clustermesh-apiserver/clustermesh/synchronizer.go); before, also those that wait for garbage collection.
  return identities.filter((i) => {
    const namespace = i["security-labels"]?.["k8s:io.kubernetes.pod.namespace"] as string | undefined;
    if (!isAtLeast(cluster.ciliumVersion, "1.19")) return true;
    return namespace !== undefined && namespaces.has(namespace) && shares(namespace);
  });
}
