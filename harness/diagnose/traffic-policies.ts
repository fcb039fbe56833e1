import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, PodState, ServiceState } from "#harness/model/mesh-snapshot.ts";
import { isGlobal } from "#harness/semantics/annotations.ts";
import { isHeadless } from "#harness/semantics/cluster-objects.ts";
import { findingOf } from "./catalogue/index.ts";
import { ciliumNamespace, known, nameOf } from "./parts.ts";
import { type Contact, contacts } from "./peer-addresses.ts";
import { patch } from "./repairs.ts";

const app = "clustermesh-apiserver";

/** Services of clustermesh-apiserver that serve a client only at a node with a ready pod of it, and clients at others. */
export function trafficPolicies(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) =>
    servicesOf(cluster).flatMap((served) => [
      ...internal(cluster, served),
      ...mesh.clusters.filter((c) => c !== cluster).flatMap((peer) => external(cluster, served, peer)),
    ]),
  );
}

interface Served {
  readonly service: ServiceState;
  /** The pods that it selects, on their nodes. */
  readonly pods: readonly PodState[];
  /** Nodes with a ready one. */
  readonly nodes: ReadonlySet<string>;
}

/** Whatever their names: the chart's, one made for it by hand, one for another network. */
function servicesOf(cluster: ClusterSnapshot): Served[] {
  const namespace = ciliumNamespace(cluster);
  return known(cluster.services).flatMap((service) => {
    const isIts = service.name === app || service.selector["k8s-app"] === app;
    const selector = Object.entries(service.selector);
    if (service.namespace !== namespace || !isIts || isHeadless(service) || selector.length === 0) return [];
    const pods = known(cluster.pods).filter(
      (p) => p.namespace === namespace && p.ended !== true && selector.every(([k, v]) => p.labels[k] === v),
    );
    const nodes = new Set(pods.filter((p) => p.ready && !p.ending).map((p) => p.node));
    // Without any, something else is wrong.
    return nodes.size === 0 ? [] : [{ service, pods, nodes }];
  });
}

const titleOf = ({ namespace, name }: ServiceState): string => `${namespace}/${name}`;

/** Back to the default, which the chart may overrule again. */
function remedy({ service }: Served, field: "internalTrafficPolicy" | "externalTrafficPolicy"): string {
  const command = patch(service.namespace, `service/${service.name}`, { spec: { [field]: "Cluster" } });
  const value = `clustermesh.apiserver.service.${field}`;
  return service.name === app
    ? `${command}; set ${value} to Cluster in the Helm values too, or the next upgrade of Cilium sets Local again`
    : `${command}; change it where the Service is defined too (of the chart's own it is the Helm value ${value})`;
}

/** Whether the agents of a cluster read its KVStoreMesh by this Service. */
function isRead({ peers, pods }: ClusterSnapshot, service: ServiceState): boolean {
  if (!peers.ok) {
    const copies = known(pods).some((p) => p.containers.some((c) => c.name === "kvstoremesh"));
    return copies && service.name === app;
  }
  const name = `${service.name}.${service.namespace}.svc`;
  const addresses = service.clusterIps ?? [service.clusterIp];
  return Object.values(peers.value.agents)
    .flat()
    .map((url) => /^https?:\/\/\[?([^\]/]+?)\]?(?::\d+)?\/?$/.exec(url)?.[1] ?? "")
    .some((host) => host === name || host.startsWith(`${name}.`) || addresses.includes(host));
}

/** Nodes with an agent, apart from those that are down. */
function agentNodes(cluster: ClusterSnapshot): string[] {
  const namespace = ciliumNamespace(cluster);
  const listed = known(cluster.pods).filter(
    (p) => p.namespace === namespace && p.labels["k8s-app"] === "cilium" && p.ended !== true && !p.ending,
  );
  const down = new Set(
    known(cluster.nodes)
      .filter((n) => !n.ready)
      .map((n) => n.name),
  );
  const all = new Set([...cluster.agents.map((a) => a.node), ...listed.map((p) => p.node)]);
  return [...all].filter((node) => node !== "" && !down.has(node)).toSorted();
}

/** The peers that an agent lost though KVStoreMesh has them. */
function lostPeers({ agents, kvstoreMesh }: ClusterSnapshot, node: string): string[] {
  const own = agents.find((a) => a.node === node);
  const lostByBoth = new Set(
    known(kvstoreMesh)
      .filter((r) => !r.ready)
      .map((r) => r.name),
  );
  return known(own?.remotes)
    .filter((r) => !r.ready && !lostByBoth.has(r.name))
    .map((r) => r.name);
}

const agentsOn = ({ name }: ClusterSnapshot, nodes: readonly string[]): string =>
  `${nodes.length === 1 ? "the agent" : "the agents"} of ${shortList(
    nodes.map((node) => `${name}/${node}`),
    5,
  )}`;

function internal(cluster: ClusterSnapshot, served: Served): Finding[] {
  const { service, pods, nodes } = served;
  const off = cluster.config.ok && cluster.config.value["enable-internal-traffic-policy"] === "false";
  // Backends of other clusters are no backends of another node.
  if (service.internalLocal !== true || isGlobal(service.annotations) || off) return [];
  const without = isRead(cluster, service) ? agentNodes(cluster).filter((node) => !nodes.has(node)) : [];
  if (without.length === 0) return [];
  // One whose own pod starts, or fails, waits for that.
  const lost = without.filter(
    (node) => lostPeers(cluster, node).length > 0 && !pods.some((p) => p.node === node && !p.ending),
  );
  const why = `internalTrafficPolicy of service ${titleOf(service)} of ${cluster.name} is Local, and its ready pods are on ${shortList([...nodes].toSorted(), 3)} only`;
  const peers = new Set(lost.flatMap((node) => lostPeers(cluster, node)));
  const message =
    lost.length > 0
      ? `${agentsOn(cluster, lost)} ${lost.length === 1 ? "reaches" : "reach"} no backend of KVStoreMesh and ${lost.length === 1 ? "is" : "are"} not ready for ${[...peers].join(" and ")}: ${why}`
      : `${why}: ${agentsOn(cluster, without)} cannot connect to KVStoreMesh anew, for example after a restart`;
  return [
    findingOf("apiserver-traffic-policy", {
      severity: lost.length > 0 ? "broken" : "suspect",
      cluster: cluster.name,
      subject: `service ${titleOf(service)} of ${cluster.name}`,
      message,
      next: remedy(served, "internalTrafficPolicy"),
    }),
  ];
}

/** The node of a cluster that has an address. */
const nodeAt = ({ nodes, ciliumNodes }: ClusterSnapshot, ip: string): string | undefined =>
  known(nodes).find((n) => n.address === ip)?.name ??
  known(ciliumNodes).find((n) => n.addresses?.some((a) => a.ip === ip))?.name;

/** A node port at a node without the pod drops what arrives there. */
function external(cluster: ClusterSnapshot, served: Served, other: ClusterSnapshot): Finding[] {
  const { service, nodes } = served;
  if (service.externalLocal !== true) return [];
  return contacts(other).flatMap((contact) => {
    const isIts = [cluster.name, nameOf(cluster)].includes(contact.peer);
    const port = contact.ports.find((p) => service.outerPorts?.includes(p));
    if (!isIts || port === undefined) return [];
    const addresses = [...new Set(contact.addresses)].map((ip) => ({ ip, node: nodeAt(cluster, ip) }));
    const without = addresses.filter(({ node }) => node !== undefined && !nodes.has(node));
    if (without.length === 0) return [];
    return [
      findingOf("apiserver-traffic-policy", {
        // By another address it may be reached.
        severity: without.length === addresses.length && contact.ready === false ? "broken" : "suspect",
        cluster: cluster.name,
        subject: `service ${titleOf(service)} of ${cluster.name}`,
        message: `${whoOf(contact, other)} ${cluster.name} at ${without.map(({ ip, node }) => `${ip}:${port} (node ${node})`).join(" and ")}, where no pod of ${app} is ready, and externalTrafficPolicy of service ${titleOf(service)} of ${cluster.name} is Local: a connection to a node without the pod is dropped; its ready pods are on ${shortList([...nodes].toSorted(), 3)}`,
        next: remedy(served, "externalTrafficPolicy"),
      }),
    ];
  });
}

const whoOf = ({ who }: Contact, { name }: ClusterSnapshot): string =>
  `${who} of ${name} ${who === "KVStoreMesh" ? "contacts" : "contact"}`;
