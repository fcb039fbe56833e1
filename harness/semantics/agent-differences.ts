import { contains, parseCidr } from "#harness/lib/cidr.ts";
import type { IdentityEntry, IpcacheEntry, NodeEntry } from "#harness/model/snapshot.ts";
import { type AgentState, agentState, type ExpectedAddress, nodeIp } from "./agent-state.ts";
import type { ClusterObjects } from "./cluster-objects.ts";
import { compareEntries, type Difference, type Expected, type Place, places } from "./compare.ts";
import { clusterIdOf } from "./identity-labels.ts";
import { peerOf } from "./peer-state.ts";

/** An agent, and the address of its node. */
export interface AgentPlace {
  readonly cluster: string;
  readonly node: string;
  /** Undefined if it is not known: then the tunnel endpoints of its own node's pods are not compared. */
  readonly nodeIp: string | undefined;
}

/** The clusters that a mesh knows, by which entries that nothing has are recognised. */
export interface KnownClusters {
  readonly maxConnectedClusters: number;
  readonly idOf: ReadonlyMap<string, number>;
  /** The pod CIDRs of each. */
  readonly podCidrs: ReadonlyMap<string, readonly string[]>;
  /** Addresses that came or went while the mesh was read. */
  readonly changing: ReadonlySet<string>;
}

const none = "0.0.0.0";
const nodeIdentities = new Set([1, 6, 7]);
const worldIdentities = new Set([2, 9, 10]);
/** Identities of one node only have a scope in their upper 8 bits; 2 is that of remote nodes (pkg/identity/numericidentity.go). */
const remoteNodeScope = 2;

function identityFits(expected: ExpectedAddress["identity"], held: number): boolean {
  if (expected === undefined) return true;
  if (expected === "node") return nodeIdentities.has(held) || held >>> 24 === remoteNodeScope;
  if (expected === "world") return worldIdentities.has(held) || held >>> 24 === 1;
  return expected === held;
}

const shownIdentity = (expected: ExpectedAddress["identity"]): string =>
  expected === "node" ? "6 (remote-node)" : expected === "world" ? "2 (world)" : String(expected);

/** An agent's ipcache map: identity and tunnel endpoint of every pod and node. */
export function ipcacheDifferences(
  expected: AgentState,
  held: readonly IpcacheEntry[],
  { agent, known }: { readonly agent: AgentPlace; readonly known: KnownClusters },
): Difference[] {
  const place = places.ipcache(agent.cluster, agent.node);
  const found: Difference[] = [];
  const stale = staleFinder(expected, known);
  let matched = 0;
  // A mesh of 200 nodes and 10,000 pods has millions of entries: nothing is built for one that is as expected.
  for (const { cidr, identity, tunnelEndpoint } of held) {
    const entry = expected.ipcache.get(cidr);
    if (entry === undefined) {
      const of = stale(cidr, identity);
      if (of !== undefined)
        found.push({
          ...{ kind: "stale", place, of, object: "address", name: bare(cidr), origin: "" },
          held: `identity ${identity}`,
        });
      continue;
    }
    matched += 1;
    if (!identityFits(entry.identity, identity))
      found.push({
        ...{ kind: "different", ...ofEntry(place, cidr, entry), field: "identity" },
        ...{ expected: shownIdentity(entry.identity), held: String(identity) },
      });
    const tunnel = entry.tunnel === agent.nodeIp ? none : entry.tunnel;
    // Without the own node's address, no endpoint may mean that the pod is on it.
    const unknown = agent.nodeIp === undefined && tunnelEndpoint === none;
    if (tunnel !== undefined && tunnel !== tunnelEndpoint && !unknown)
      found.push({
        ...{ kind: "different", ...ofEntry(place, cidr, entry), field: "tunnel endpoint" },
        ...{ expected: tunnel, held: tunnelEndpoint },
      });
  }
  if (matched === expected.ipcache.size) return found;
  const seen = new Set(held.map((e) => e.cidr));
  for (const [cidr, entry] of expected.ipcache)
    if (entry.optional !== true && !seen.has(cidr))
      found.push({ kind: "missing", ...ofEntry(place, cidr, entry) });
  return found;
}

const ofEntry = (place: Place, cidr: string, { of, origin }: ExpectedAddress) => ({
  ...{ place, of, object: "address", name: bare(cidr), origin },
});

const bare = (cidr: string): string => cidr.replace(/\/(32|128)$/, "");

/**
 * Finds the cluster that a single address belongs to, by its identity or else by its pod CIDRs; undefined for one whose
 * pods are not known.
 */
function staleFinder(
  { unknownPods, nodes }: AgentState,
  { maxConnectedClusters, idOf, podCidrs, changing }: KnownClusters,
): (cidr: string, identity: number) => string | undefined {
  const ids = [...idOf.values()];
  const byId = new Map(
    [...idOf].filter(([, id]) => ids.indexOf(id) === ids.lastIndexOf(id)).map(([name, id]) => [id, name]),
  );
  const unknown = new Set([...unknownPods, ...[...idOf.keys()].filter((name) => !nodes.has(name))]);
  // Without a cluster's nodes, one of their addresses cannot be told from a pod's.
  const cidrs = [...podCidrs]
    .filter(([name]) => nodes.get(name) !== undefined)
    .flatMap(([name, all]) => all.map((c) => [name, parseCidr(c)] as const));
  return (cidr, identity) => {
    if (!/\/(32|128)$/.test(cidr) || changing.has(bare(cidr))) return undefined;
    const id = identity >>> 24 === 0 ? clusterIdOf(identity, maxConnectedClusters) : 0;
    const of = byId.get(id) ?? cidrs.find(([, c]) => contains(c, bare(cidr)))?.[0];
    return of === undefined || unknown.has(of) ? undefined : of;
  };
}

/**
 * What the ipcaches of a cluster's agents hold of a peer's pods, by the peer's own API server: every address, under its
 * identity and its node, and no other.
 */
export function podsOfPeerDifferences(
  from: { readonly name: string; readonly id: number },
  to: ClusterObjects,
  held: readonly { readonly node: string; readonly ipcache: readonly IpcacheEntry[] }[],
): Difference[] {
  const peer = peerOf(to);
  const unknownOwn = { ...from, settings: {}, hasApiserver: true };
  // Without nodes, only the pods' entries are judged.
  const expected = agentState(unknownOwn, [{ ...peer, state: { ...peer.state, nodes: undefined } }]);
  const known = {
    maxConnectedClusters: peer.config.maxConnectedClusters,
    idOf: new Map([from, to].map((c) => [c.name, c.id])),
    podCidrs: new Map(),
    changing: new Set<string>(),
  };
  return held.flatMap(({ node, ipcache }) =>
    // No pod of the peer is on an agent's own node.
    ipcacheDifferences(expected, ipcache, { agent: { cluster: from.name, node, nodeIp: "" }, known }),
  );
}

/** An agent's list of nodes: of every cluster whose nodes are known. */
export function nodeListDifferences(
  { nodes }: AgentState,
  held: readonly NodeEntry[],
  agent: Pick<AgentPlace, "cluster" | "node">,
): Difference[] {
  const place = places.agent(agent.cluster, agent.node);
  return [...nodes].flatMap(([of, expected]) => {
    if (expected === undefined) return [];
    const own = held.filter((n) => n.name.startsWith(`${of}/`)).map((n) => [n.name, n] as const);
    const wanted = new Map<string, Expected<NodeEntry>>(
      [...expected].map(([name, { value, origin }]) => [
        name,
        {
          value: {
            name,
            addresses: [{ ip: nodeIp(value.addresses) ?? "", type: "InternalIP" }],
            podCidrs: value.podCidrs.filter((c) => !c.includes(":")).slice(0, 1),
            healthIp: value.healthIps.find((ip) => !ip.includes(":")) ?? "",
          },
          origin,
        },
      ]),
    );
    return compareEntries({ place, of, object: "node", fields: nodeFields }, wanted, new Map(own));
  });
}

const nodeFields = ({ addresses, podCidrs, healthIp }: NodeEntry) => ({
  address: addresses.find((a) => a.type === "InternalIP")?.ip || undefined,
  "pod CIDR": podCidrs[0],
  "health address": healthIp || undefined,
});

/** An agent's identities: those of every cluster, by number and labels. */
export function identityDifferences(
  { identities }: AgentState,
  held: readonly IdentityEntry[],
  { agent, known }: { readonly agent: Pick<AgentPlace, "cluster" | "node">; readonly known: KnownClusters },
): Difference[] {
  const place = places.agent(agent.cluster, agent.node);
  const byCluster = new Map<number, Map<string, IdentityEntry>>();
  for (const entry of held) {
    const id = entry.id >>> 24 === 0 ? clusterIdOf(entry.id, known.maxConnectedClusters) : 0;
    const list = byCluster.get(id);
    if (list === undefined) byCluster.set(id, new Map([[String(entry.id), entry]]));
    else list.set(String(entry.id), entry);
  }
  const ids = [...known.idOf.values()];
  return [...identities].flatMap(([of, expected]) => {
    const id = known.idOf.get(of) ?? 0;
    // Of two clusters with one id, their identities cannot be told apart.
    if (expected === undefined || id === 0 || ids.indexOf(id) !== ids.lastIndexOf(id)) return [];
    return compareEntries(
      {
        ...{ place, of, object: "identity" },
        fields: ({ labels }: IdentityEntry) => ({ labels: [...labels].sort().join(" ") }),
      },
      expected,
      byCluster.get(id) ?? new Map(),
    );
  });
}
