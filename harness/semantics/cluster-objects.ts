import { isAtLeast } from "#harness/lib/version.ts";
import type {
  CiliumEndpointState,
  CiliumNodeState,
  ClusterSnapshot,
  NamespaceState,
  NodeState,
  Part,
  PodState,
  ServiceState,
  SliceState,
} from "#harness/model/mesh-snapshot.ts";
import type { IdentityEntry } from "#harness/model/snapshot.ts";
import { isGlobalNamespace } from "./annotations.ts";

/** A cluster's settings and the objects of its API server. A list that could not be read is absent. */
export interface ClusterObjects {
  readonly name: string;
  readonly id: number;
  /** Of Cilium; unknown where its images have no version. */
  readonly version?: string | undefined;
  /** cilium-config. */
  readonly settings: Readonly<Record<string, string | undefined>>;
  /** False where agents and operator write the kvstore, and identities exist there only. */
  readonly hasApiserver: boolean;
  readonly namespaces?: readonly NamespaceState[] | undefined;
  readonly nodes?: readonly NodeState[] | undefined;
  readonly ciliumNodes?: readonly CiliumNodeState[] | undefined;
  readonly pods?: readonly PodState[] | undefined;
  readonly ciliumEndpoints?: readonly CiliumEndpointState[] | undefined;
  readonly ciliumIdentities?: readonly IdentityEntry[] | undefined;
  readonly services?: readonly ServiceState[] | undefined;
  readonly slices?: readonly SliceState[] | undefined;
  readonly serviceExports?: readonly { readonly namespace: string; readonly name: string }[] | undefined;
  /** Addresses of endpoints that came or went while the lists were read: neither expected nor surplus. */
  readonly changing?: readonly string[] | undefined;
  /** Pods that begin or end count too: the comparison is repeated until it holds. */
  readonly repeated?: boolean;
}

export const podKey = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string =>
  `${namespace}/${name}`;

/** Whether a pod's endpoint must be known everywhere by now. */
export const isSteady = (
  { repeated, changing = [] }: Pick<ClusterObjects, "repeated" | "changing">,
  pod: PodState,
): boolean => repeated === true || (pod.ready && !pod.ending && !changing.includes(pod.ip));

/** Tells of an endpoint, by `namespace/name` and address, whether it may be missing at the later steps. */
export function optionalEndpoints(objects: ClusterObjects): (key: string, ip: string) => boolean {
  const { pods, changing = [] } = objects;
  const steady = new Set(pods?.filter((p) => isSteady(objects, p)).map(podKey));
  const unsteady = new Set(changing);
  // Of an endpoint without a pod, the next step has what the endpoint says; where pods are not known, it counts.
  const known = new Set(pods?.map(podKey));
  return (key, ip) => unsteady.has(ip) || (known.has(key) && !steady.has(key));
}

const readPart = <T>(part: Part<T> | undefined): T | undefined =>
  part?.ok === true ? part.value : undefined;

/** The name and the id come from its own configuration. */
export function objectsOf(cluster: ClusterSnapshot): ClusterObjects {
  const settings = readPart(cluster.config) ?? {};
  return {
    name: settings["cluster-name"] ?? cluster.name,
    id: Number(settings["cluster-id"] ?? 0),
    version: readPart(cluster.ciliumVersion),
    settings,
    hasApiserver: settings["identity-allocation-mode"] !== "kvstore",
    namespaces: readPart(cluster.namespaces),
    nodes: readPart(cluster.nodes),
    ciliumNodes: readPart(cluster.ciliumNodes),
    pods: readPart(cluster.pods),
    ciliumEndpoints: readPart(cluster.ciliumEndpoints),
    ciliumIdentities: readPart(cluster.ciliumIdentities),
    services: readPart(cluster.services),
    slices: readPart(cluster.slices),
    serviceExports: readPart(cluster.serviceExports),
    changing: readPart(cluster.changing),
  };
}

/** Whether a cluster shares the objects of a namespace; undefined if that cannot be known. */
export type SharesNamespace = (namespace: string | undefined) => boolean | undefined;

/** What a namespace's mark can keep back, and from which version on. */
const filteredFrom = {
  // `Namespaced: true`, clustermesh-apiserver/clustermesh/converters.go:195,236,283@1.19.7; nothing of it in 1.18.11.
  addresses: "1.19",
  identities: "1.19",
  // operator/watchers/service_sync.go:295@1.20.2, endpointslice_export_sync.go:298@1.20.2,
  // pkg/clustermesh/mcsapi/serviceexportsync.go:254@1.20.2; none of the three in 1.19.7.
  services: "1.20",
  exports: "1.20",
} as const;

/**
 * Which namespaces' objects a cluster shares. Where namespaces count, only existing ones do: clustermesh-apiserver
 * retries an object of another (`IsGlobalNamespaceByName`, pkg/clustermesh/namespace/namespace.go:78@1.20.2). The default
 * is true unless the chart of 1.20 sets it (pkg/clustermesh/namespace/config.go:9@1.20.2). Agents that write their own
 * kvstore write every address (pkg/ipcache/kvstore.go@1.20.2).
 */
export function sharesNamespace(objects: ClusterObjects, what: keyof typeof filteredFrom): SharesNamespace {
  const { version, settings, namespaces, hasApiserver } = objects;
  const counts = version === undefined || isAtLeast(version, filteredFrom[what]);
  if (!counts || (!hasApiserver && what !== "services" && what !== "exports")) return () => true;
  const byDefault = settings["clustermesh-default-global-namespace"] !== "false";
  if (namespaces === undefined) return () => undefined;
  const shared = new Set(
    namespaces.filter((n) => isGlobalNamespace(n.annotations, byDefault)).map((n) => n.name),
  );
  return (namespace) => namespace !== undefined && shared.has(namespace);
}

/** Of a service that another program serves in place of Cilium or kube-proxy. */
export const proxyNameLabel = "service.kubernetes.io/service-proxy-name";
/** The only value of it that agents, operator and clustermesh-apiserver read; without one, only services without the label. */
export const proxyNameSetting = "k8s-service-proxy-name";
/** Of a service that nobody serves by its ClusterIP, whatever its value. */
export const headlessLabel = "service.kubernetes.io/headless";

/**
 * Cilium handles services, and their EndpointSlices, of its own proxy name only (`serviceListLabelSelector`,
 * pkg/k8s/utils/utils.go:72@1.20.2).
 */
export function isHandled(
  labels: Readonly<Record<string, string>>,
  settings: ClusterObjects["settings"],
): boolean {
  const own = settings[proxyNameSetting];
  const name = labels[proxyNameLabel];
  return own === undefined || own === "" ? name === undefined : name === own;
}

/** `isHeadless`, operator/watchers/service_sync.go:274@1.20.2 and pkg/loadbalancer/reflectors/conversions.go:59@1.20.2. */
export const isHeadless = ({ labels = {}, clusterIp }: Pick<ServiceState, "labels" | "clusterIp">): boolean =>
  headlessLabel in labels || clusterIp.toLowerCase() === "none";
