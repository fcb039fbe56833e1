import { hostPort } from "#harness/lib/cidr.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { ServiceState, SliceState } from "#harness/model/mesh-snapshot.ts";
import type { SharedPort, SharedService } from "#harness/model/shared-state.ts";
import { affinityOf, isGlobal } from "./annotations.ts";
import { type ClusterObjects, isHandled, isHeadless, podKey } from "./cluster-objects.ts";
import { bySliceService, hasAddresses } from "./exported-state.ts";
import { acceptedState, type PeerState } from "./peer-state.ts";

/** `ip:port` and the cluster that has it. */
export interface ExpectedBackend {
  readonly address: string;
  readonly of: string;
  /** Terminating, or not ready: agents may list it, and send no new client to it. */
  readonly draining: boolean;
}

/** A ClusterIP frontend of a cluster's agents, `ip:port/PROTOCOL`. */
export interface ExpectedFrontend {
  readonly frontend: string;
  readonly service: string;
  /** Of an agent's node: `internalTrafficPolicy: Local` selects by it. */
  readonly backends: (node: string) => ReadonlyMap<string, ExpectedBackend>;
}

/** What agents should program, and what cannot be computed, by service, with the reason. */
export interface ServiceExpectation {
  readonly frontends: readonly ExpectedFrontend[];
  readonly notJudged: ReadonlyMap<string, string>;
}

/** A backend of one address and port, with the names of the ports that lead to it. */
interface Candidate extends ExpectedBackend {
  readonly ip: string;
  readonly protocol: string;
  readonly names: readonly string[];
  /** Empty for backends of other clusters, which every node may use. */
  readonly node: string;
  readonly remote: boolean;
  readonly terminating: boolean;
}

/**
 * The frontends of every service with a ClusterIP and their backends (`convertService`, `convertEndpoints`,
 * pkg/loadbalancer/reflectors/conversions.go:67,397@1.20.2; remote ones by `ClusterServiceToBackendParams`,
 * pkg/clustermesh/service_merger.go:73@1.20.2). Undefined if services or EndpointSlices could not be read. Global services
 * are not judged where agents read clusters that are not known.
 */
export function serviceExpectation(
  own: ClusterObjects,
  peers: readonly PeerState[],
  unknownPeers: readonly string[] = [],
): ServiceExpectation | undefined {
  const { services, slices, settings } = own;
  if (services === undefined || slices === undefined || services.some((s) => s.ports === undefined))
    return undefined;
  const slicesOf = bySliceService(own);
  const remote = remoteBackends(own, peers);
  const frontends: ExpectedFrontend[] = [];
  const notJudged = new Map<string, string>();
  for (const service of services) {
    const key = podKey(service);
    if (isHeadless(service) || service.type === "ExternalName" || !isHandled(service.labels ?? {}, settings))
      continue;
    const reason = unjudged(service, own, [...unknownPeers, ...remote.unread]);
    if (reason !== undefined) {
      notJudged.set(key, reason);
      continue;
    }
    const all = [...localBackends(own, slicesOf.get(key) ?? []), ...(remote.of.get(key) ?? [])];
    for (const ip of service.clusterIps ?? [])
      for (const port of service.ports ?? [])
        if (familyEnabled(ip, settings)) frontends.push(frontendOf(service, { ip, port }, { own, all }));
  }
  return { frontends, notJudged };
}

/** Exposure and redirection by further objects, and choices by zone, are not computed here. */
function unjudged(
  service: ServiceState,
  { settings }: ClusterObjects,
  unreadPeers: readonly string[],
): string | undefined {
  const { annotations, topology } = service;
  const exposing = ["service.cilium.io/type", "service.cilium.io/node", "service.cilium.io/node-selector"];
  if (exposing.some((k) => annotations[k] !== undefined)) return "an annotation limits where it is exposed";
  if (topology === true && settings["enable-service-topology"] === "true")
    return "it prefers backends of a zone or node";
  if (isGlobal(annotations) && unreadPeers.length > 0)
    return `the services of ${unreadPeers.join(" and ")} are not known`;
  return undefined;
}

const familyEnabled = (ip: string, settings: ClusterObjects["settings"]): boolean =>
  settings[ip.includes(":") ? "enable-ipv6" : "enable-ipv4"] !== "false";

/** Of a cluster's own EndpointSlices. From 1.20 on, one of weight 0 is in maintenance (pkg/k8s/endpoints.go:276@1.20.2). */
function localBackends(
  { name: cluster, version }: ClusterObjects,
  slices: readonly SliceState[],
): Candidate[] {
  const hasWeights = version === undefined || isAtLeast(version, "1.20");
  return slices.filter(hasAddresses).flatMap((slice) => {
    const ports = byL4(slice.ports);
    const maintenance = hasWeights && Number(slice.annotations["service.cilium.io/weight"]) === 0;
    return slice.endpoints.flatMap((e) =>
      e.addresses.flatMap((ip) =>
        ports
          // The controllers of Ingress and Gateway make this one (`isIngressDummyEndpoint`, conversions.go:39@1.20.2).
          .filter(({ port }) => !(ip === "192.192.192.192" && port === 9999))
          .map(({ port, protocol, names }) => ({
            ...{ ip, protocol, names, of: cluster, node: e.node, remote: false },
            address: hostPort({ ip, port }),
            draining: maintenance || !e.ready,
            terminating: e.terminating && e.serving,
          })),
      ),
    );
  });
}

/** Ports of one number and protocol are one backend with all their names; the empty name is left out. */
function byL4(ports: readonly SharedPort[]): { port: number; protocol: string; names: string[] }[] {
  const found = new Map<string, { port: number; protocol: string; names: string[] }>();
  for (const { name, protocol, port } of ports) {
    const key = `${port}/${protocol}`;
    const one = found.get(key) ?? { port, protocol, names: [] };
    found.set(key, one);
    if (name !== "") one.names.push(name);
  }
  return [...found.values()];
}

interface RemoteBackends {
  /** By `namespace/name` of the service. */
  readonly of: ReadonlyMap<string, readonly Candidate[]>;
  readonly unread: readonly string[];
}

/**
 * Of every service that peers export. From 1.20 on, an agent that reads EndpointSlices in place of services uses no
 * remote backend at all in 1.20.0 to 1.20.2 (known defect cilium-46627), so then they are not known.
 */
function remoteBackends(own: ClusterObjects, peers: readonly PeerState[]): RemoteBackends {
  const mode = own.settings["clustermesh-service-v2"] ?? "prefer-legacy";
  const readsSlices =
    mode !== "prefer-legacy" && (own.version === undefined || isAtLeast(own.version, "1.20"));
  const of = new Map<string, Candidate[]>();
  const unread: string[] = [];
  for (const peer of peers) {
    const { services } = acceptedState(peer);
    if (services === undefined || readsSlices) {
      unread.push(peer.name);
      continue;
    }
    for (const [name, { value }] of services) {
      const key = name.slice(peer.name.length + 1);
      const list = of.get(key) ?? [];
      of.set(key, list);
      list.push(...candidatesOf(peer.name, value));
    }
  }
  return { of, unread };
}

/** Always active: the exporting cluster leaves out what does not serve. */
const candidatesOf = (cluster: string, { backends }: SharedService): Candidate[] =>
  Object.entries(backends).flatMap(([ip, ports]) =>
    byL4(ports).map(({ port, protocol, names }) => ({
      ...{ ip, protocol, names, of: cluster, node: "", remote: true },
      ...{ draining: false, terminating: false },
      address: hostPort({ ip, port }),
    })),
  );

function frontendOf(
  service: ServiceState,
  { ip, port }: { readonly ip: string; readonly port: SharedPort },
  { own, all }: { readonly own: ClusterObjects; readonly all: readonly Candidate[] },
): ExpectedFrontend {
  const matching = all.filter((b) => matches(b, { ip, port }));
  const chosen = (node?: string): ReadonlyMap<string, ExpectedBackend> =>
    new Map(
      selected(
        service,
        node === undefined ? matching : matching.filter((b) => b.node === "" || b.node === node),
        own.version,
      ).map((b) => [b.address, b]),
    );
  const everywhere = service.internalLocal === true ? undefined : chosen();
  return {
    frontend: `${hostPort({ ip, port: port.port })}/${port.protocol}`,
    service: podKey(service),
    backends: (node) => everywhere ?? chosen(node),
  };
}

/**
 * Same protocol and family; a named port of a frontend takes backends with a port of that name, or with no named port
 * (`matchesFrontend`, pkg/loadbalancer/writer/writer.go:420@1.20.2, within `DefaultSelectBackends` in 1.19.7 and
 * 1.18.11).
 */
const matches = (
  { ip, protocol, names }: Candidate,
  frontend: { readonly ip: string; readonly port: SharedPort },
): boolean =>
  protocol === frontend.port.protocol &&
  ip.includes(":") === frontend.ip.includes(":") &&
  (frontend.port.name === "" || names.length === 0 || names.includes(frontend.port.name));

/** By `global` and affinity (`SelectBackends`, pkg/clustermesh/selectbackends.go:42@1.20.2, the same in 1.19.7 and 1.18.11). */
function selected(
  { annotations }: ServiceState,
  all: readonly Candidate[],
  version: string | undefined,
): readonly Candidate[] {
  const local = all.filter((b) => !b.remote);
  const remote = all.filter((b) => b.remote);
  if (!isGlobal(annotations)) return local;
  const affinity = affinityOf(annotations, version);
  if (affinity === "own") return local;
  if (affinity === "local") return local.some((b) => !b.draining) ? local : all;
  if (affinity === "remote")
    return remote.length === 0 && local.some((b) => !b.draining || b.terminating) ? all : remote;
  return all;
}
