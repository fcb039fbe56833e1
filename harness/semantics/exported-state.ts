import { given } from "#harness/lib/given.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { ServiceState, SliceState } from "#harness/model/mesh-snapshot.ts";
import type {
  SharedAddress,
  SharedExport,
  SharedIdentity,
  SharedNode,
  SharedPort,
  SharedService,
  SharedSlice,
  SharedState,
} from "#harness/model/shared-state.ts";
import { isShared } from "./annotations.ts";
import {
  type ClusterObjects,
  isHandled,
  isHeadless,
  optionalEndpoints,
  podKey,
  sharesNamespace,
} from "./cluster-objects.ts";
import type { Expected } from "./compare.ts";
import { namespaceOfLabels } from "./identity-labels.ts";

/** Entries by name; undefined if an object that decides them could not be read. */
export type Entries<T> = ReadonlyMap<string, Expected<T>> | undefined;

/** What a cluster's kvstore should hold of the cluster's own. */
export interface ExportedState {
  readonly nodes: Entries<SharedNode>;
  readonly addresses: Entries<SharedAddress>;
  /** Also undefined in kvstore identity mode, where the kvstore is the source. */
  readonly identities: Entries<SharedIdentity>;
  readonly services: Entries<SharedService>;
  readonly slices: Entries<SharedSlice>;
  readonly exports: Entries<SharedExport>;
}

/** The name of an entry in the maps of this module. */
export const entryName: { readonly [K in keyof SharedState]: (entry: SharedState[K][number]) => string } = {
  nodes: (e) => e.name,
  addresses: (e) => e.ip,
  identities: (e) => String(e.id),
  services: (e) => e.name,
  slices: (e) => e.name,
  exports: (e) => e.name,
};

/** What a cluster exports, by the objects of its API server. */
export const exportedState = (objects: ClusterObjects): ExportedState => ({
  nodes: exportedNodes(objects),
  addresses: exportedAddresses(objects),
  identities: exportedIdentities(objects),
  services: exportedServices(objects),
  slices: exportedSlices(objects),
  exports: exportedServiceExports(objects),
});

/** The CiliumNodes as they are (`ParseCiliumNode`, pkg/k8s/node.go:313@1.20.2, pkg/node/types/node.go:61@1.19.7 and 1.18.11). */
function exportedNodes({ name: cluster, id, ciliumNodes }: ClusterObjects): Entries<SharedNode> {
  if (ciliumNodes === undefined || ciliumNodes.some((n) => n.addresses === undefined)) return undefined;
  return new Map(
    ciliumNodes.map(({ name, addresses = [], podCidrs, healthIps = [], ingressIps = [], wireguardKey }) => [
      `${cluster}/${name}`,
      {
        value: {
          ...{ name: `${cluster}/${name}`, clusterId: id, addresses, podCidrs, healthIps, ingressIps },
          ...given({ wireguardKey }),
        },
        origin: `CiliumNode ${name}`,
      },
    ]),
  );
}

/**
 * Every address of every CiliumEndpoint, with the identity and the node's address in it (`ciliumEndpointMapper`,
 * clustermesh-apiserver/clustermesh/converters.go:257@1.20.2, :244@1.19.7, :180@1.18.11). Whether each endpoint is as
 * its pod says is `endpointDifferences`.
 */
function exportedAddresses(objects: ClusterObjects): Entries<SharedAddress> {
  const { ciliumEndpoints } = objects;
  const shares = sharesNamespace(objects, "addresses");
  if (ciliumEndpoints?.every((e) => shares(e.namespace) !== undefined) !== true) return undefined;
  const isOptional = optionalEndpoints(objects);
  const entries = new Map<string, Expected<SharedAddress>>();
  for (const e of ciliumEndpoints) {
    if (shares(e.namespace) !== true) continue;
    for (const ip of [e.ip, e.ipv6 ?? ""].filter((address) => address !== "")) {
      const value = { ip, identity: e.identity, hostIp: e.hostIp ?? "", namespace: e.namespace, pod: e.name };
      // The first endpoint of an address keeps it (`entryGroup`, converters.go:53@1.20.2).
      if (entries.has(ip)) continue;
      entries.set(ip, {
        value,
        origin: `pod ${podKey(e)}`,
        ...(isOptional(podKey(e), ip) ? { optional: true } : {}),
      });
    }
  }
  return entries;
}

/**
 * CiliumIdentities with labels (`CiliumIdentityConverter`, clustermesh-apiserver/clustermesh/converters.go:209@1.20.2);
 * from 1.19 on only of existing global namespaces (synchronizer.go:154@1.19.7). Unless the comparison is repeated, one
 * that no endpoint uses may be new, or gone already.
 */
function exportedIdentities(objects: ClusterObjects): Entries<SharedIdentity> {
  const { ciliumIdentities, hasApiserver, version } = objects;
  const shares = sharesNamespace(objects, "identities");
  if (ciliumIdentities === undefined || !hasApiserver) return undefined;
  const everyNamespace = version !== undefined && !isAtLeast(version, "1.19");
  const used = new Set(objects.ciliumEndpoints?.map((e) => e.identity));
  const entries = new Map<string, Expected<SharedIdentity>>();
  for (const { id, labels } of ciliumIdentities) {
    const shared = everyNamespace || shares(namespaceOfLabels(labels));
    if (shared === undefined) return undefined;
    if (shared && labels.length > 0)
      entries.set(String(id), {
        ...{ value: { id, labels }, origin: `CiliumIdentity ${id}` },
        ...(objects.repeated === true || used.has(id) ? {} : { optional: true }),
      });
  }
  return entries;
}

/** Which services a cluster exports, and whether that can be known. */
function sharedServices(objects: ClusterObjects): readonly ServiceState[] | undefined {
  const { services, settings } = objects;
  const shares = sharesNamespace(objects, "services");
  const marked = services?.filter((s) => isShared(s.annotations) && isHandled(s.labels ?? {}, settings));
  return marked?.every((s) => shares(s.namespace) !== undefined) === true
    ? marked.filter((s) => shares(s.namespace))
    : undefined;
}

/**
 * Services that are global and shared (`DefaultClusterServiceConverter`, operator/watchers/service_sync.go:289@1.20.2,
 * :207@1.19.7 and 1.18.11), in the mode `only-endpointslice` none (`ShouldExportLegacyServices`,
 * pkg/clustermesh/types/option.go:193@1.20.2).
 */
function exportedServices(objects: ClusterObjects): Entries<SharedService> {
  const { name: cluster, id, slices, settings } = objects;
  if (settings["clustermesh-service-v2"] === "only-endpointslice") return new Map();
  const services = sharedServices(objects);
  if (services === undefined || slices === undefined) return undefined;
  if (services.some((s) => s.ports === undefined)) return undefined;
  const slicesOf = bySliceService(objects);
  return new Map(
    services.map((service) => {
      const key = podKey(service);
      const value = {
        name: `${cluster}/${key}`,
        clusterId: id,
        frontends: frontendsOf(service),
        backends: backendsOf(slicesOf.get(key) ?? []),
      };
      return [value.name, { value, origin: `service ${key}` }];
    }),
  );
}

const frontendsOf = (service: ServiceState): Record<string, SharedPort[]> =>
  isHeadless(service) || service.type === "ExternalName"
    ? {}
    : Object.fromEntries((service.clusterIps ?? []).map((ip) => [ip, byPortName(service.ports ?? [])]));

/** A map by name: of ports of one name the last remains. */
const byPortName = (ports: readonly SharedPort[]): SharedPort[] => [
  ...new Map(ports.map((p) => [p.name, p])).values(),
];

/** EndpointSlices by `namespace/service`, without those that mirror another cluster's. */
export function bySliceService({
  slices = [],
  settings,
}: Pick<ClusterObjects, "slices" | "settings">): Map<string, SliceState[]> {
  const found = new Map<string, SliceState[]>();
  for (const slice of slices) {
    if (slice.mirrored || slice.service === "" || !isHandled(slice.labels, settings)) continue;
    const key = `${slice.namespace}/${slice.service}`;
    const list = found.get(key);
    if (list === undefined) found.set(key, [slice]);
    else list.push(slice);
  }
  return found;
}

/** Cilium reads no other (`ParseEndpointSliceV1`, pkg/k8s/endpoints.go:255@1.20.2). */
export const hasAddresses = ({ addressType }: SliceState): boolean =>
  addressType === "IPv4" || addressType === "IPv6";

/** Backends that are ready or serve, terminating ones too (operator/watchers/service_sync.go:331@1.20.2). */
function backendsOf(slices: readonly SliceState[]): Record<string, SharedPort[]> {
  const backends = new Map<string, SharedPort[]>();
  for (const slice of slices.filter(hasAddresses))
    for (const endpoint of slice.endpoints.filter((e) => e.ready || e.serving))
      for (const ip of endpoint.addresses) backends.set(ip, byPortName(slice.ports));
  return Object.fromEntries(backends);
}

/**
 * From 1.20 on, the EndpointSlices of services that are global and shared, whatever the mode
 * (`DefaultClusterEndpointSliceConverter`, operator/watchers/endpointslice_export_sync.go:282@1.20.2).
 */
function exportedSlices(objects: ClusterObjects): Entries<SharedSlice> {
  const { name: cluster, id, version, slices } = objects;
  if (version !== undefined && !isAtLeast(version, "1.20")) return new Map();
  const services = sharedServices(objects);
  if (services === undefined || slices === undefined || version === undefined) return undefined;
  const slicesOf = bySliceService(objects);
  return new Map(
    services
      .flatMap((s) => slicesOf.get(podKey(s)) ?? [])
      .map((slice) => {
        const value = {
          name: `${cluster}/${slice.namespace}/${slice.name}`,
          clusterId: id,
          service: slice.service,
          addresses: slice.endpoints.flatMap((e) => e.addresses).sort(),
          serving: slice.endpoints.filter((e) => e.serving).length,
        };
        return [value.name, { value, origin: `EndpointSlice ${podKey(slice)}` }];
      }),
  );
}

/**
 * With `clustermesh-enable-mcs-api`, ServiceExports of services that exist and have endpoints
 * (`syncMCSAPIServiceSpec`, pkg/clustermesh/mcsapi/serviceexportsync.go:248@1.20.2).
 */
function exportedServiceExports(objects: ClusterObjects): Entries<SharedExport> {
  const { name: cluster, settings, serviceExports, services } = objects;
  if (settings["clustermesh-enable-mcs-api"] !== "true") return new Map();
  const shares = sharesNamespace(objects, "exports");
  if (serviceExports?.every((e) => shares(e.namespace) !== undefined) !== true || services === undefined)
    return undefined;
  const valid = new Set(
    services.filter((s) => s.type !== "ExternalName" && isHandled(s.labels ?? {}, settings)).map(podKey),
  );
  return new Map(
    serviceExports
      .filter((e) => shares(e.namespace) === true && valid.has(podKey(e)))
      .map((e) => {
        const name = `${cluster}/${podKey(e)}`;
        return [name, { value: { name }, origin: `ServiceExport ${podKey(e)}` }];
      }),
  );
}
