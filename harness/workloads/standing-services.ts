import type { Cluster } from "#harness/cluster/cluster.ts";
import { corednsSelector } from "#harness/cluster/selectors.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { type EventuallyOptions, notYet, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { echoHttpPort, echoService } from "./echo.ts";
import type { EchoBackends } from "./echo-service.ts";
import { addressesOf, awaitImport, exportOf } from "./mcs.ts";
import { standingNamespace } from "./standing-pods.ts";

/** Services over the backends of every cluster: one prefers the client's own cluster, one the other clusters. */
export const standingServices = { local: "standing-local", remote: "standing-remote" } as const;

/** Of CoreDNS, which other clusters' clients prefer; it must be in the namespace of its pods. */
const dns = { namespace: "kube-system", name: "meshproof-standing-dns" } as const;
const dnsPort = 53;

const headless = "standing-headless";
const ipv6 = "standing-ipv6";
/** Exported by one cluster only, so that the clients of the others cross the mesh. */
const exportedBy = (cluster: string): string => `standing-mcs-${cluster}`;

/** The addresses of a cluster's services, as its clients use them. */
export interface ServiceAddresses {
  readonly local: string;
  readonly remote: string;
  /** The IPv6 address of a global service; undefined unless the cluster is dual-stack. */
  readonly ipv6: string | undefined;
  readonly dns: string;
  readonly headless: { readonly name: string; readonly port: number };
  /** The import of what the next cluster exports; undefined without MCS-API. */
  readonly imported: { readonly from: string; readonly ip: string } | undefined;
}

type Waiting = Pick<EventuallyOptions, "withinMs" | "signal">;

/** Creates the services in every cluster and waits until each has what the others export. */
export async function deployServices(
  clusters: readonly Cluster[],
  echo: EchoBackends,
  waiting: Waiting,
): Promise<ReadonlyMap<string, ServiceAddresses>> {
  for (const [affinity, name] of Object.entries(standingServices))
    await echo.serve(name, { [annotation.global]: "true", [annotation.affinity]: affinity }, "LoadBalancer");
  const exporting = await everyClusterSays(clusters, "clustermesh-enable-mcs-api");
  const synchronised = await everyClusterSays(clusters, "clustermesh-enable-endpoint-sync");
  for (const cluster of clusters) {
    for (const object of objectsOf(cluster, echo, synchronised)) await cluster.kube.apply(object);
    if (exporting) for (const object of exportsOf(cluster, echo)) await cluster.kube.apply(object);
  }
  if (synchronised) await Promise.all(clusters.map((c) => awaitHeadless(c, clusters.length, waiting)));
  const entries = clusters.map(async (cluster, i) => {
    const next = found(clusters[(i + 1) % clusters.length], `cluster after ${cluster.name}`);
    return [cluster.name, await addressesIn(cluster, echo, exporting ? next : undefined, waiting)] as const;
  });
  return new Map(await Promise.all(entries));
}

/** Removes what is not in the namespace of the standing workload. */
export async function removeStandingServices({ kube }: Pick<Cluster, "kube">): Promise<void> {
  await kube.remove(kinds.service, dns.namespace, dns.name);
}

async function everyClusterSays(clusters: readonly Cluster[], key: string): Promise<boolean> {
  return (await Promise.all(clusters.map((c) => c.setting(key)))).every((value) => value === "true");
}

function objectsOf(cluster: Cluster, echo: EchoBackends, synchronised: boolean): KubeObject[] {
  const global = { [annotation.global]: "true" };
  const plain = {
    namespace: standingNamespace,
    selector: { app: echo.deploymentOf(cluster) },
    annotations: global,
  };
  const forNames = echoService({
    ...plain,
    name: headless,
    // Without synchronisation the name stands for the cluster's own pods, which `diagnose` must not take for a fault.
    annotations: { ...global, [annotation.syncEndpointSlices]: String(synchronised) },
  });
  const [key = "", value = ""] = corednsSelector.split("=");
  return [
    { ...forNames, spec: { ...forNames.spec, clusterIP: "None" } },
    ...(cluster.capabilities.isDualStack ? [dualStack(echoService({ ...plain, name: ipv6 }))] : []),
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { ...dns, annotations: { ...global, [annotation.affinity]: "remote" } },
      spec: {
        selector: { [key]: value },
        ports: [{ name: "dns", port: dnsPort, targetPort: dnsPort, protocol: "UDP" }],
      },
    },
  ];
}

const dualStack = (service: KubeObject): KubeObject => ({
  ...service,
  spec: { ...service.spec, ipFamilyPolicy: "RequireDualStack" },
});

const exportsOf = (cluster: Cluster, echo: EchoBackends): KubeObject[] => [
  echoService({
    namespace: standingNamespace,
    name: exportedBy(cluster.name),
    selector: { app: echo.deploymentOf(cluster) },
    annotations: {},
  }),
  exportOf(standingNamespace, exportedBy(cluster.name)),
];

/** The pods of every cluster must be behind the headless service's name. */
async function awaitHeadless({ kube, name }: Cluster, clusters: number, waiting: Waiting): Promise<void> {
  await kube.until(
    kinds.endpointSlice,
    { namespace: standingNamespace, labelSelector: `kubernetes.io/service-name=${headless}` },
    (slices) => {
      const filled = slices.filter((s) => s.addressType === "IPv4" && (s.endpoints ?? []).length > 0);
      return filled.length >= clusters
        ? ready(undefined)
        : notYet(`EndpointSlices of ${filled.length} of ${clusters} clusters`);
    },
    { what: `every cluster's EndpointSlice of ${headless} to be in ${name}`, ...waiting },
  );
}

async function addressesIn(
  cluster: Cluster,
  echo: EchoBackends,
  next: Cluster | undefined,
  waiting: Waiting,
): Promise<ServiceAddresses> {
  const addresses = async (namespace: string, name: string): Promise<string[]> => {
    const service = await cluster.kube.get(kinds.service, namespace, name);
    return found(service, `service ${namespace}/${name} in ${cluster.name}`).spec.clusterIPs as string[];
  };
  return {
    local: await echo.clusterIp(cluster, standingServices.local),
    remote: await echo.clusterIp(cluster, standingServices.remote),
    ipv6: cluster.capabilities.isDualStack
      ? found(
          (await addresses(standingNamespace, ipv6)).find((ip) => ip.includes(":")),
          `IPv6 address of service ${standingNamespace}/${ipv6} in ${cluster.name}`,
        )
      : undefined,
    dns: found((await addresses(dns.namespace, dns.name))[0], `address of service ${dns.name}`),
    headless: { name: `${headless}.${standingNamespace}.svc.cluster.local`, port: echoHttpPort },
    imported: next === undefined ? undefined : await importedFrom(cluster, next, waiting),
  };
}

async function importedFrom(
  cluster: Cluster,
  exporter: Cluster,
  waiting: Waiting,
): Promise<NonNullable<ServiceAddresses["imported"]>> {
  const name = exportedBy(exporter.name);
  const imported = await awaitImport(cluster, { namespace: standingNamespace, name }, [exporter], waiting);
  const ip = found(addressesOf(imported)[0], `address of ServiceImport ${name} in ${cluster.name}`);
  return { from: exporter.name, ip };
}
