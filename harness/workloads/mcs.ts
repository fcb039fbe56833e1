import type { Cluster } from "#harness/cluster/cluster.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { type EventuallyOptions, notYet, ready } from "#harness/lib/eventually.ts";

type Waiting = Omit<EventuallyOptions, "what">;

/** Labels of MCS-API on EndpointSlices and on the services behind imports. */
export const mcsLabel = {
  serviceName: "multicluster.kubernetes.io/service-name",
  sourceCluster: "multicluster.kubernetes.io/source-cluster",
} as const;

/** A service's name in every cluster of the set. */
export const clustersetName = (namespace: string, name: string): string =>
  `${name}.${namespace}.svc.clusterset.local`;

export const exportOf = (
  namespace: string,
  name: string,
  spec?: Readonly<Record<string, unknown>>,
): KubeObject => ({
  apiVersion: kinds.serviceExport.apiVersion,
  kind: kinds.serviceExport.kind,
  metadata: { namespace, name },
  ...(spec === undefined ? {} : { spec }),
});

/** The clusters that a ServiceImport names as exporters. */
export const exportersOf = (imported: KubeObject): string[] =>
  ((imported.status?.clusters ?? []) as { cluster: string }[]).map((c) => c.cluster);

export const addressesOf = (imported: KubeObject): string[] => (imported.spec?.ips ?? []) as string[];

/** Waits until a cluster has the ServiceImport of exactly these exporters, with its address if it has a type with one. */
export function awaitImport(
  cluster: Cluster,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  from: readonly { readonly name: string }[],
  within: Waiting,
): Promise<KubeObject> {
  const expected = from.map((c) => c.name).sort();
  return cluster.kube.until(
    kinds.serviceImport,
    { namespace, name },
    ([imported]) => {
      if (imported === undefined) return notYet("no ServiceImport");
      const exporters = exportersOf(imported).sort();
      const [address] = addressesOf(imported);
      const addressed = address !== undefined || imported.spec?.type === "Headless";
      return addressed && exporters.join() === expected.join()
        ? ready(imported)
        : notYet(`address ${address ?? "none"}, clusters ${exporters.join(", ") || "none"}`);
    },
    {
      what: `ServiceImport ${name} of ${expected.join(" and ")} to be in ${cluster.name}`,
      ...within,
    },
  );
}

/** Waits until a cluster has no ServiceImport of this name. */
export async function awaitNoImport(
  cluster: Cluster,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  within: Waiting,
): Promise<void> {
  await cluster.kube.until(
    kinds.serviceImport,
    { namespace, name },
    ([imported]) => (imported === undefined ? ready(undefined) : notYet("still there")),
    { what: `ServiceImport ${name} to disappear from ${cluster.name}`, ...within },
  );
}

/**
 * A cluster's EndpointSlices with the labels of MCS-API for a service. Those without an endpoint are left out: for a
 * cluster that imports only, Cilium keeps an empty one beside the exporting cluster's (1.20.2).
 */
export async function mcsSlices(cluster: Cluster, namespace: string, name: string): Promise<KubeObject[]> {
  const slices = await cluster.kube.list(
    kinds.endpointSlice,
    namespace,
    `${mcsLabel.serviceName}=${name},${mcsLabel.sourceCluster}`,
  );
  return slices.filter((s) => Array.isArray(s.endpoints) && s.endpoints.length > 0);
}

/** The address families of a cluster's own service that pods of another cluster have too. */
export async function sharedFamilies(
  home: Cluster,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  other: Cluster,
): Promise<string[]> {
  const service = await home.kube.get(kinds.service, namespace, name);
  return ((service?.spec?.ipFamilies ?? []) as string[]).filter(
    (family) => family === "IPv4" || other.capabilities.isDualStack,
  );
}
