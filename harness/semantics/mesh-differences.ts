import type { AgentState, ClusterSnapshot, MeshSnapshot, Part } from "#harness/model/mesh-snapshot.ts";
import {
  type AgentPlace,
  identityDifferences,
  ipcacheDifferences,
  type KnownClusters,
  nodeListDifferences,
} from "./agent-differences.ts";
import { agentState, nodeIp } from "./agent-state.ts";
import { withoutAgent } from "./agents.ts";
import { collectedMsOf, firstReadMs, movingAddresses, withoutChanges, withoutChanging } from "./apart.ts";
import { type ClusterObjects, objectsOf } from "./cluster-objects.ts";
import { type Difference, places } from "./compare.ts";
import { ciliumNodeDifferences, endpointDifferences } from "./endpoint-differences.ts";
import { type ExportedState, exportedState } from "./exported-state.ts";
import { malformedDifferences, nodeAddresses, partNames, stateDifferences } from "./kvstore-differences.ts";
import { type Kvstore, kvstoresOf } from "./kvstores.ts";
import { maxClusters } from "./mesh-settings.ts";
import { copiedState, isEmptyState, type PeerState, stateFromHeld } from "./peer-state.ts";
import { serviceDifferences, serviceMapDifferences } from "./service-differences.ts";
import { serviceExpectation } from "./service-state.ts";

/** What differs in a mesh, and what could not be compared. */
export interface MeshDifferences {
  readonly differences: readonly Difference[];
  /** What was not compared, as `agent of east/worker: ipcache: why`. */
  readonly unread: readonly string[];
}

/** A cluster of the mesh with what the next steps need. */
interface Member {
  readonly snapshot: ClusterSnapshot;
  readonly objects: ClusterObjects;
  readonly exported: ExportedState;
  /** Of each replica, as far as they were read. */
  readonly kvstores: readonly Kvstore[];
  /** What the others should read of it: from each of its kvstores, or what it exports. */
  readonly shared: readonly [PeerState, ...PeerState[]];
}

/**
 * Compares each step from the API servers to the BPF maps with what the step before it holds: API server, own kvstore,
 * the peers' copies of it by KVStoreMesh, agents, maps. So an entry that is lost is named where it is lost, and not again
 * at every later step. A step that could not be read is passed over: the next is compared with the last one that was.
 */
export function meshDifferences(mesh: MeshSnapshot): MeshDifferences {
  const firstMs = firstReadMs(mesh);
  const members = mesh.clusters.map((c) => memberOf(c, firstMs));
  const unread = members.flatMap(undecided);
  const differences = members.flatMap((member) => [
    ...endpointDifferences(member.objects),
    ...ciliumNodeDifferences(member.objects),
    ...agentsMissing(member),
    ...kvstoreDifferences(member, unread),
  ]);
  const known = knownClusters(members);
  for (const member of members) {
    const peers = members.filter((other) => other !== member);
    const kvstores = member.kvstores.length === 0 ? [undefined] : member.kvstores;
    const reads = kvstores.map((kvstore) => ({
      kvstore,
      cached: peers.map((peer) => cacheDifferences(member, kvstore, peer)),
    }));
    differences.push(...reads.flatMap((r) => r.cached.flatMap((c) => c.differences)));
    const sources = reads.map(({ kvstore, cached }) => ({
      kvstore,
      peers: cached.flatMap((c) => c.peer ?? []),
    }));
    differences.push(...agentDifferences(member, sources, { known, unread }));
  }
  const read = members.map(({ objects, snapshot, exported }) => ({
    ...{ name: objects.name, collectedMs: collectedMsOf(snapshot), exported },
  }));
  return { differences: withoutChanges(withoutChanging(differences, known.changing), read), unread };
}

/** What a cluster exports that its objects do not decide because some were not read. */
export const undecidedOf = (cluster: ClusterSnapshot): string[] => undecided(memberOf(cluster));

/** The kinds of entries that a cluster's objects do not decide because some were not read. */
function undecided({ objects, exported }: Member): string[] {
  return (Object.keys(partNames) as (keyof ExportedState)[])
    .filter((part) => exported[part] === undefined && (part !== "identities" || objects.hasApiserver))
    .map(
      (part) => `what ${objects.name} exports as ${partNames[part]}: an object that decides it was not read`,
    );
}

function memberOf(snapshot: ClusterSnapshot, firstMs?: number): Member {
  const own = objectsOf(snapshot);
  const moving = movingAddresses(snapshot, firstMs);
  const objects = moving.length === 0 ? own : { ...own, changing: [...(own.changing ?? []), ...moving] };
  const exported = exportedState(objects);
  const kvstores = kvstoresOf(snapshot);
  const maxConnectedClusters = maxClusters(objects);
  const sharedBy = (kvstore: Kvstore | undefined): PeerState => ({
    name: objects.name,
    config: kvstore?.state.configs[objects.name] ?? { id: objects.id, maxConnectedClusters },
    state: kvstore === undefined ? exported : stateFromHeld(kvstore.state.own, exported),
  });
  const [first, ...others] = kvstores;
  return {
    ...{ snapshot, objects, exported, kvstores },
    shared: [sharedBy(first), ...others.map(sharedBy)],
  };
}

const knownClusters = (members: readonly Member[]): KnownClusters => ({
  maxConnectedClusters: Math.max(255, ...members.map((m) => m.shared[0].config.maxConnectedClusters)),
  idOf: new Map(members.map((m) => [m.objects.name, m.objects.id])),
  podCidrs: new Map(
    members.map((m) => [m.objects.name, (m.objects.ciliumNodes ?? []).flatMap((n) => n.podCidrs)]),
  ),
  changing: new Set(members.flatMap((m) => m.objects.changing ?? [])),
});

const agentsMissing = ({ objects: { name, nodes = [] }, snapshot }: Member): Difference[] =>
  withoutAgent(nodes, snapshot.agents).map((node) => ({
    ...{ kind: "missing", place: places.api(name), of: name },
    ...{ object: "agent of node", name: node, origin: "" },
  }));

function kvstoreDifferences(
  { objects, exported, kvstores, snapshot }: Member,
  unread: string[],
): Difference[] {
  if (kvstores.length === 0) unread.push(`kvstore of ${objects.name}: ${reasonOf(snapshot.kvstore)}`);
  const allowedAddresses = new Set([...nodeAddresses(objects), ...(objects.changing ?? [])]);
  return kvstores.flatMap(({ pod, state }) => {
    const at = { place: places.kvstore(objects.name, pod), of: objects.name };
    return [
      ...malformedDifferences(state, at),
      ...stateDifferences(exported, { ...at, state: state.own, allowedAddresses }),
    ];
  });
}

const reasonOf = (part: Part<unknown> | undefined): string =>
  part === undefined || part.ok ? "not collected" : part.why;

/** What a cluster's KVStoreMesh copied of a peer, and the peer as its agents read it; none if nothing was copied. */
function cacheDifferences(
  { objects, snapshot, kvstores }: Member,
  kvstore: Kvstore | undefined,
  { shared, exported, objects: { changing = [] } }: Member,
): { differences: Difference[]; peer?: PeerState } {
  const [{ name, config }] = shared;
  const { caches = {}, configs = {} } = kvstore?.state ?? {};
  const cache = caches[name];
  const told = snapshot.peers.ok && Object.hasOwn(snapshot.peers.value.kvstoreMesh, name);
  const copies = told || kvstores.some(({ state }) => Object.keys(state.caches).length > 0);
  const place = places.cache(objects.name, name, kvstore?.pod);
  const at = { place, of: name };
  // Without any copy it has no KVStoreMesh, or was not read: its agents read the peer itself.
  if (kvstore === undefined || !copies) {
    // It is not known of which of several replicas.
    const peer = shared.length > 1 ? { ...shared[0], state: exported } : shared[0];
    return { differences: [], peer };
  }
  if (cache === undefined || isEmptyState(cache))
    return { differences: [{ kind: "missing", ...at, object: "cluster", name, origin: "" }] };
  const held = { ...at, state: cache, allowedAddresses: new Set(changing) };
  return {
    // It is not known which replica of the peer it reads.
    differences: fewest(shared.map((peer) => stateDifferences(copiedState(peer), held))),
    peer: { name, config: configs[name] ?? config, state: stateFromHeld(cache, exported) },
  };
}

const fewest = (alternatives: readonly Difference[][]): Difference[] =>
  alternatives.reduce((least, one) => (one.length < least.length ? one : least), alternatives[0] ?? []);

/** Clusters that its agents may have read, or kept from before, and that are not known here. */
function unknownPeers(
  { objects, snapshot }: Pick<Member, "objects" | "snapshot">,
  { kvstore, peers }: Source,
  known: KnownClusters,
): string[] {
  const told = snapshot.peers.ok ? snapshot.peers.value : undefined;
  const all = new Set([
    ...known.idOf.keys(),
    ...Object.keys(told?.agents ?? {}),
    ...Object.keys(told?.kvstoreMesh ?? {}),
    ...Object.keys(kvstore?.state.caches ?? {}),
    ...snapshot.agents.flatMap(({ remotes }) => (remotes.ok ? remotes.value.map((r) => r.name) : [])),
  ]);
  return [...all].filter((name) => name !== objects.name && peers.every((p) => p.name !== name));
}

/** What agents read of the other clusters: from one replica of their own cluster. */
interface Source {
  readonly kvstore: Kvstore | undefined;
  readonly peers: readonly PeerState[];
}

const comparedParts = ["nodeList", "identities", "ipcache", "services"] as const;

function agentDifferences(
  { objects, snapshot }: Member,
  sources: readonly Source[],
  { known, unread }: { readonly known: KnownClusters; readonly unread: string[] },
): Difference[] {
  const expectations = sources.map((source) => ({
    clusters: new Set([objects.name, ...source.peers.map((p) => p.name)]),
    agents: agentState(objects, source.peers),
    services: serviceExpectation(objects, source.peers, unknownPeers({ objects, snapshot }, source, known)),
  }));
  const ipOf = new Map((objects.ciliumNodes ?? []).map((n) => [n.name, nodeIp(n.addresses ?? [])] as const));
  const addressOf = new Map(objects.nodes?.map((n) => [n.name, n.address]));
  return snapshot.agents.flatMap((agent) => {
    const { node } = agent;
    for (const part of comparedParts) {
      const held: Part<unknown> = agent[part];
      if (!held.ok) unread.push(`agent of ${objects.name}/${node}: ${part}: ${held.why}`);
    }
    const at: AgentPlace = {
      cluster: objects.name,
      node,
      nodeIp: ipOf.get(node) ?? (addressOf.get(node) || undefined),
    };
    // It is not known which replica it reads; one that never had a cluster did not give it that cluster's nodes.
    const read = clustersIn(agent, known);
    const possible = expectations.filter((e) => [...read].every((name) => e.clusters.has(name)));
    const from = possible.length === 0 ? expectations : possible;
    return [
      ...fewest(from.map((expected) => differencesOf(agent, at, { expected, known }))),
      ...(agent.services.ok && agent.lbMaps.ok
        ? serviceMapDifferences(agent.services.value, agent.lbMaps.value, at)
        : []),
    ];
  });
}

/** The clusters of the mesh whose nodes an agent lists. */
const clustersIn = ({ nodeList }: AgentState, { idOf }: KnownClusters): ReadonlySet<string> =>
  new Set(
    (nodeList.ok ? nodeList.value : []).flatMap(({ name }) => {
      const cluster = name.slice(0, Math.max(0, name.indexOf("/")));
      return idOf.has(cluster) ? [cluster] : [];
    }),
  );

interface AgentExpectation {
  readonly agents: ReturnType<typeof agentState>;
  readonly services: ReturnType<typeof serviceExpectation>;
}

function differencesOf(
  { nodeList, identities, ipcache, services }: AgentState,
  at: AgentPlace,
  { expected, known }: { readonly expected: AgentExpectation; readonly known: KnownClusters },
): Difference[] {
  return [
    ...(nodeList.ok ? nodeListDifferences(expected.agents, nodeList.value, at) : []),
    ...(identities.ok ? identityDifferences(expected.agents, identities.value, { agent: at, known }) : []),
    ...(ipcache.ok ? ipcacheDifferences(expected.agents, ipcache.value, { agent: at, known }) : []),
    ...(services.ok && expected.services !== undefined
      ? serviceDifferences(expected.services, services.value, { ...at, changing: known.changing })
      : []),
  ];
}
