import type { CiliumNodeState } from "#harness/model/mesh-snapshot.ts";
import type { SharedIdentity, SharedNode } from "#harness/model/shared-state.ts";
import { type ClusterObjects, optionalEndpoints, podKey } from "./cluster-objects.ts";
import type { Expected } from "./compare.ts";
import { acceptedState, type PeerState } from "./peer-state.ts";

/** An entry of an agent's ipcache. */
export interface ExpectedAddress {
  /** Undefined if any will do. */
  readonly identity: number | "node" | "world" | undefined;
  /** The tunnel endpoint on every other node; undefined if any will do. */
  readonly tunnel: string | undefined;
  readonly origin: string;
  /** The cluster that has it. */
  readonly of: string;
  readonly optional?: boolean;
}

/** What the agents of a cluster should hold, each the same except for its own node. */
export interface AgentState {
  /** By cluster, then `cluster/node`. */
  readonly nodes: ReadonlyMap<string, ReadonlyMap<string, Expected<SharedNode>> | undefined>;
  /** By cluster, then number. */
  readonly identities: ReadonlyMap<string, ReadonlyMap<string, Expected<SharedIdentity>> | undefined>;
  /** By prefix. */
  readonly ipcache: ReadonlyMap<string, ExpectedAddress>;
  /** Clusters whose pods are not in it, because they could not be read. */
  readonly unknownPods: readonly string[];
}

const reserved = { health: 4, ingress: 8 } as const;

/**
 * Nodes, identities and ipcache of a cluster's agents: of its own API server, and of what they accept of each peer. In
 * kvstore identity mode the own identities are not known.
 */
export function agentState(own: ClusterObjects, peers: readonly PeerState[]): AgentState {
  const accepted = peers.map((peer) => ({ name: peer.name, state: acceptedState(peer) }));
  const nodes = new Map<string, ReadonlyMap<string, Expected<SharedNode>> | undefined>([
    [own.name, ownNodes(own)],
    ...accepted.map(({ name, state }) => [name, state.nodes] as const),
  ]);
  const identities = new Map<string, ReadonlyMap<string, Expected<SharedIdentity>> | undefined>([
    [own.name, ownIdentities(own)],
    ...accepted.map(({ name, state }) => [name, state.identities] as const),
  ]);
  const cache = new Ipcache();
  const unknownPods: string[] = [];
  addOwnPods(cache, own);
  if (own.ciliumEndpoints === undefined) unknownPods.push(own.name);
  for (const { name, state } of accepted) {
    if (state.addresses === undefined) unknownPods.push(name);
    for (const [ip, { value, origin, optional }] of state.addresses ?? [])
      cache.add(prefixOf(ip), {
        identity: value.identity,
        tunnel: value.hostIp === "" ? undefined : value.hostIp,
        of: name,
        origin: origin === "" ? `pod ${value.namespace}/${value.pod}` : origin,
        ...(optional === true ? { optional } : {}),
      });
  }
  for (const [of, entries] of nodes)
    for (const { value, origin } of entries?.values() ?? [])
      addNode(cache, value, { of, origin, settings: own.settings });
  return { nodes, identities, ipcache: cache.entries, unknownPods };
}

/** A prefix that two objects have is one that neither decides: agents keep what they learned last. */
class Ipcache {
  readonly entries = new Map<string, ExpectedAddress>();

  add(prefix: string, entry: ExpectedAddress): void {
    const other = this.entries.get(prefix);
    this.entries.set(
      prefix,
      other === undefined
        ? entry
        : { ...other, identity: undefined, tunnel: undefined, optional: other.optional === true },
    );
  }
}

const prefixOf = (ip: string): string => (ip.includes("/") ? ip : `${ip}/${ip.includes(":") ? 128 : 32}`);

/** Of every namespace: agents learn those of their own cluster from its CiliumEndpoints. */
function addOwnPods(cache: Ipcache, objects: ClusterObjects): void {
  const isOptional = optionalEndpoints(objects);
  for (const e of objects.ciliumEndpoints ?? [])
    for (const ip of [e.ip, e.ipv6 ?? ""].filter((a) => a !== ""))
      cache.add(prefixOf(ip), {
        identity: e.identity,
        tunnel: e.hostIp,
        origin: `pod ${podKey(e)}`,
        of: objects.name,
        ...(isOptional(podKey(e), ip) ? { optional: true } : {}),
      });
}

/**
 * A node's addresses, health and ingress addresses, and its pod CIDRs (`NodeUpdated`,
 * pkg/node/manager/manager.go:667@1.20.2, `podCIDREntries` :923, :917@1.18.11). The endpoint of a tunnel is the node's
 * address also in native routing (`OnIPIdentityCacheChange`, pkg/datapath/ipcache/listener.go:106@1.20.2); with the host
 * firewall or node encryption, a node's other addresses have one too.
 */
function addNode(
  cache: Ipcache,
  node: SharedNode,
  { settings, ...at }: { of: string; origin: string; settings: ClusterObjects["settings"] },
): void {
  const tunnel = nodeIp(node.addresses);
  const add = (ip: string, entry: Pick<ExpectedAddress, "identity" | "tunnel" | "optional">): void => {
    // Of a family that Cilium does not serve here.
    const unserved = settings[ip.includes(":") ? "enable-ipv6" : "enable-ipv4"] === "false";
    cache.add(prefixOf(ip), { ...at, ...entry, ...(unserved ? { optional: true } : {}) });
  };
  for (const { type, ip } of node.addresses)
    if (type === "CiliumInternalIP") add(ip, { identity: "node", tunnel });
    else if (type === "InternalIP") add(ip, { identity: "node", tunnel: undefined });
    else if (type === "ExternalIP") add(ip, { identity: undefined, tunnel: undefined, optional: true });
  for (const ip of node.healthIps) add(ip, { identity: reserved.health, tunnel });
  for (const ip of node.ingressIps) add(ip, { identity: reserved.ingress, tunnel, optional: true });
  // The local node's has none.
  for (const cidr of node.podCidrs) add(cidr, { identity: "world", tunnel, optional: true });
}

/** The IPv4 address that others reach a node at: its internal one, else its external one (`ExtractNodeIP`, pkg/node/addressing@1.20.2). */
export function nodeIp(addresses: SharedNode["addresses"]): string | undefined {
  const v4 = addresses.filter((a) => !a.ip.includes(":"));
  return (v4.find((a) => a.type === "InternalIP") ?? v4.find((a) => a.type === "ExternalIP"))?.ip;
}

const ownNodes = ({
  name,
  id,
  ciliumNodes,
}: ClusterObjects): Map<string, Expected<SharedNode>> | undefined =>
  ciliumNodes?.every((n) => n.addresses !== undefined) !== true
    ? undefined
    : new Map(
        ciliumNodes.map((n) => [
          `${name}/${n.name}`,
          { value: sharedNode(n, name, id), origin: `CiliumNode ${n.name}` },
        ]),
      );

const sharedNode = (
  { name, podCidrs, addresses = [], healthIps = [], ingressIps = [] }: CiliumNodeState,
  cluster: string,
  clusterId: number,
): SharedNode => ({ name: `${cluster}/${name}`, clusterId, addresses, podCidrs, healthIps, ingressIps });

/** All, whatever their namespace; those that no steady pod uses may be gone already. */
function ownIdentities({
  ciliumIdentities,
  hasApiserver,
  ciliumEndpoints = [],
}: ClusterObjects): Map<string, Expected<SharedIdentity>> | undefined {
  if (!hasApiserver || ciliumIdentities === undefined) return undefined;
  const used = new Set(ciliumEndpoints.map((e) => e.identity));
  return new Map(
    ciliumIdentities.map((value) => [
      String(value.id),
      { value, origin: `CiliumIdentity ${value.id}`, ...(used.has(value.id) ? {} : { optional: true }) },
    ]),
  );
}
