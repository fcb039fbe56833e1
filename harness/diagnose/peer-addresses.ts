import { shellQuote } from "#harness/lib/shell-quote.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, ServiceState } from "#harness/model/mesh-snapshot.ts";
import { type BalancerFailure, balancerFailure } from "./balancer-failures.ts";
import { findingOf } from "./catalogue/index.ts";
import { known, nameOf, pathTo, wholeConfig } from "./parts.ts";
import { agents, apiserver, helmUpgrade, restart } from "./repairs.ts";

/** A peer contacted at a port or an address that its clustermesh-apiserver does not have, or that is not the peer's alone. */
export function peerAddresses(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) =>
    contacts(cluster).flatMap((contact) => {
      const own = ownAddress(cluster, contact);
      if (own.length > 0) return own;
      const peer = mesh.clusters.find((c) => c !== cluster && [c.name, nameOf(c)].includes(contact.peer));
      const apiserver = known(peer?.services ?? nothing).find((s) => s.name === "clustermesh-apiserver");
      if (peer === undefined || apiserver === undefined || contact.ready !== false) return [];
      const contacted = { contact, peer, apiserver };
      return [
        ...wrongPort(cluster, contacted),
        ...wrongAddress(cluster, contacted),
        ...withoutAddress(cluster, contacted),
      ];
    }),
  );
}

const nothing = { ok: false, why: "no such cluster" } as const;

/** How a cluster contacts a peer: KVStoreMesh, or the agents where there is none. */
export interface Contact {
  readonly who: string;
  readonly peer: string;
  readonly ready: boolean | undefined;
  readonly ports: readonly number[];
  readonly addresses: readonly string[];
}

export function contacts(cluster: ClusterSnapshot): Contact[] {
  if (!cluster.peers.ok) return [];
  const { agents: direct, kvstoreMesh } = cluster.peers.value;
  const cached = Object.keys(kvstoreMesh).length > 0;
  const remotes = cached ? known(cluster.kvstoreMesh) : cluster.agents.flatMap((a) => known(a.remotes));
  return Object.entries(cached ? kvstoreMesh : direct).map(([peer, urls]) => {
    const path = pathTo(cluster, cached ? "kvstoreMesh" : "agents", peer);
    const states = remotes.filter((r) => r.name === peer).map((r) => r.ready);
    return {
      who: cached ? "KVStoreMesh" : "the agents",
      peer,
      ready: states.length === 0 ? undefined : states.every(Boolean),
      // Beside endpoints there may be texts of another form.
      ports: urls.flatMap((url) => Number(/:(\d+)\/?$/.exec(url)?.[1] ?? Number.NaN) || []),
      addresses: [
        ...urls.flatMap(
          (url) => /^https?:\/\/\[?((?:\d+\.){3}\d+|[\da-f]*:[\da-f:]+)\]?:/i.exec(url)?.[1] ?? [],
        ),
        ...(path?.endpoints.flatMap((e) => e.ips) ?? []),
      ],
    };
  });
}

/**
 * Cilium serves an address of a service inside its own cluster, so a peer at such an address is never reached. It may look
 * connected all the same: the own etcd holds a copy of what the peer said of itself before.
 */
function ownAddress(cluster: ClusterSnapshot, contact: Contact): Finding[] {
  const [taken] = known(cluster.services).flatMap((service) => {
    // A service may lead to the peer: one without a selector, or with proxies.
    const leadsAway = Object.keys(service.selector).length === 0 || contact.ready !== false;
    if (service.name !== "clustermesh-apiserver" && leadsAway) return [];
    const address = (service.addresses ?? []).find((ip) => contact.addresses.includes(ip));
    const port = (service.ports ?? []).find(
      (p) => p.port !== undefined && contact.ports.includes(p.port),
    )?.port;
    return address === undefined || port === undefined ? [] : [{ service, address, port }];
  });
  if (taken === undefined) return [];
  const { service, address, port } = taken;
  const title = `${service.namespace}/${service.name}`;
  const isMesh = service.name === "clustermesh-apiserver";
  return [
    findingOf("peer-address-own", {
      cluster: cluster.name,
      subject: `the address of ${contact.peer} in ${cluster.name}`,
      message: `${contact.who} of ${cluster.name} ${contact.who === "KVStoreMesh" ? "contacts" : "contact"} ${contact.peer} at ${address}, port ${port}, which is an address of service ${title} of ${cluster.name} itself: ${isMesh ? `${contact.who} ${contact.who === "KVStoreMesh" ? "reaches its" : "reach their"} own cluster` : "that service answers"}`,
      next: `give one of the two services another address: ${title} of ${cluster.name} (its loadBalancerIP, externalIPs or pool of addresses), or clustermesh-apiserver of ${contact.peer}; their pools must not overlap`,
    }),
  ];
}

/** The entry may differ from the values of the release, which are not known. */
const corrected = (cluster: ClusterSnapshot, what: string, value: string): string =>
  `set ${what} in clustermesh.config.clusters of ${cluster.name} to ${value}, unless it is already; ${helmUpgrade(cluster)}; ${restart(cluster, apiserver, agents)}; or use \`cilium clustermesh connect\`, which finds it anew`;

function wrongPort(cluster: ClusterSnapshot, { contact, peer, apiserver }: Contacted): Finding[] {
  const { outerPorts = [], type } = apiserver;
  const pending = pendingOf(peer, apiserver);
  if (pending?.failure !== undefined) return [];
  // Without an address, nobody reaches a load balancer at its own port.
  const listens = pending?.nodePorts ?? outerPorts;
  if (listens.length === 0 || contact.ports.some((p) => outerPorts.includes(p))) return [];
  return [
    findingOf("peer-port", {
      cluster: cluster.name,
      subject: `the port of ${contact.peer} in ${cluster.name}`,
      message: `${contact.who} of ${cluster.name} ${contact.who === "KVStoreMesh" ? "contacts" : "contact"} ${contact.peer} at port ${contact.ports.join(", ")}; its clustermesh-apiserver listens at ${listens.join(", ")} (${type})`,
      next: corrected(cluster, `the port of ${contact.peer}`, String(listens[0])),
    }),
  ];
}

interface Contacted {
  readonly contact: Contact;
  readonly peer: ClusterSnapshot;
  readonly apiserver: ServiceState;
}

/** Of its service, where a load balancer listens; a node port is another. */
const apiserverPort = 2379;
const excluded = "node.kubernetes.io/exclude-from-external-load-balancers";

/** A load balancer that nothing has given an address. */
interface Pending {
  readonly nodePorts: readonly number[];
  readonly failure: BalancerFailure | undefined;
}

function pendingOf(peer: ClusterSnapshot, apiserver: ServiceState): Pending | undefined {
  const isPending = apiserver.type === "LoadBalancer" && apiserver.loadBalancerIp === "";
  // By a host name, by nodes or by an address that somebody gave, a peer may be reached all the same.
  const own = new Set([apiserver.clusterIp, ...(apiserver.clusterIps ?? [])]);
  const isNamed =
    apiserver.loadBalancerName !== undefined || (apiserver.addresses ?? []).some((ip) => !own.has(ip));
  if (!isPending || isNamed) return undefined;
  const ports = [apiserverPort, ...(apiserver.ports ?? []).map((p) => p.port)];
  return {
    nodePorts: (apiserver.outerPorts ?? []).filter((p) => !ports.includes(p)),
    failure: balancerFailure(peer, apiserver),
  };
}

/** Nothing assigned it one. Cilium's Node IPAM takes addresses of nodes, without those that have a label (cilium#38793). */
function withoutAddress(cluster: ClusterSnapshot, { contact, peer, apiserver }: Contacted): Finding[] {
  const pending = pendingOf(peer, apiserver);
  if (pending === undefined) return [];
  const { outerPorts = [apiserverPort, ...contact.ports] } = apiserver;
  const { failure, nodePorts } = pending;
  // At a port that it no longer has, it was another service before; at a node port it is reached.
  const isOutdated =
    !contact.ports.some((p) => outerPorts.includes(p)) && (failure !== undefined || nodePorts.length === 0);
  if (!contact.ports.includes(apiserverPort) && !isOutdated) return [];
  const nodes = known(peer.nodes);
  const isByNodes = wholeConfig(peer)?.["default-lb-service-ipam"] === "nodeipam";
  const isExcluded = isByNodes && nodes.length > 0 && nodes.every((n) => n.labels?.[excluded] !== undefined);
  const title = `service ${apiserver.namespace}/${apiserver.name} of ${peer.name}`;
  const why = isExcluded
    ? `: Node IPAM has no node to take one from, because ${shortList(
        nodes.map((n) => n.name),
        3,
      )} have the label ${excluded}`
    : failure === undefined
      ? ""
      : `: ${failure.text}`;
  const next = isExcluded
    ? shellQuote(["kubectl", "label", `node/${nodes.at(-1)?.name}`, `${excluded}-`])
    : (failure?.next ??
      `see what should assign it: ${shellQuote(["kubectl", "-n", apiserver.namespace, "describe", `service/${apiserver.name}`])}, then Cilium's pools (kubectl get ciliumloadbalancerippools) or the provider's controller`);
  return [
    findingOf("apiserver-without-address", {
      cluster: peer.name,
      subject: title,
      message: `${title} is of type LoadBalancer and has no address${why}; ${contact.who} of ${cluster.name} ${contact.who === "KVStoreMesh" ? "is" : "are"} not connected to it`,
      next: isExcluded ? `in ${peer.name}: ${next}` : next,
    }),
  ];
}

/** A load balancer whose address is not in the API, or a name that was not resolved, is not judged. */
function wrongAddress(cluster: ClusterSnapshot, { contact, peer, apiserver }: Contacted): Finding[] {
  const { type, loadBalancerIp, clusterIps = [], clusterIp, addresses = [] } = apiserver;
  const balanced = type === "LoadBalancer";
  if (contact.addresses.length === 0 || (balanced && loadBalancerIp === "")) return [];
  const nodes = [
    ...known(peer.nodes).map((n) => n.address),
    ...known(peer.ciliumNodes).flatMap((n) => (n.addresses ?? []).map((a) => a.ip)),
  ].filter((ip) => ip !== "");
  const its = new Set([...nodes, loadBalancerIp, clusterIp, ...clusterIps, ...addresses]);
  if (nodes.length === 0 || contact.addresses.some((ip) => its.has(ip))) return [];
  const now = balanced
    ? loadBalancerIp
    : known(peer.nodes)
        .map((n) => n.address)
        .join(" or ");
  return [
    findingOf("peer-address", {
      cluster: cluster.name,
      subject: `the address of ${contact.peer} in ${cluster.name}`,
      message: `${contact.who} of ${cluster.name} ${contact.who === "KVStoreMesh" ? "contacts" : "contact"} ${contact.peer} at ${[...new Set(contact.addresses)].join(", ")}, which no node and no service of ${contact.peer} has; its clustermesh-apiserver is at ${now} (${type})`,
      next: corrected(cluster, `the address of ${contact.peer}`, now),
    }),
  ];
}
