import type { AgentState, ClusterSnapshot, MeshSnapshot, Part } from "#harness/model/mesh-snapshot.ts";
import type { KvstoreState } from "#harness/model/shared-state.ts";
import {
  type AgentPlace,
  identityDifferences,
  ipcacheDifferences,
  type KnownClusters,
  nodeListDifferences,
} from "./agent-differences.ts";
import { agentState, nodeIp } from "./agent-state.ts";
import { withoutAgent } from "./agents.ts";
import { collectedMsOf, withoutChanges, withoutChanging, youngAddresses } from "./apart.ts";
import { type ClusterObjects, objectsOf } from "./cluster-objects.ts";
import { type Difference, places } from "./compare.ts";
import { ciliumNodeDifferences, endpointDifferences } from "./endpoint-differences.ts";
import { type ExportedState, exportedState } from "./exported-state.ts";
import { malformedDifferences, nodeAddresses, partNames, stateDifferences } from "./kvstore-differences.ts";
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
  readonly kvstore: KvstoreState | undefined;
  /** What the others should read of it. */
  readonly shared: PeerState;
}

/**
 * Compares each step from the API servers to the BPF maps with what the step before it holds: API server, own kvstore,
 * the peers' copies of it by KVStoreMesh, agents, maps. So an entry that is lost is named where it is lost, and not again
 * at every later step. A step that could not be read is passed over: the next is compared with the last one that was.
 */
export function meshDifferences(mesh: MeshSnapshot): MeshDifferences {
  const times = mesh.clusters.flatMap((c) => collectedMsOf(c) ?? []);
  const firstMs = times.length === 0 ? undefined : Math.min(...times);
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
    const cached = peers.map((peer) => cacheDifferences(member, peer));
    differences.push(...cached.flatMap((c) => c.differences));
    const read = cached.flatMap((c) => c.peer ?? []);
    differences.push(...agentDifferences(member, read, { known, unread }));
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
  const young = youngAddresses(snapshot, firstMs);
  const objects = young.length === 0 ? own : { ...own, changing: [...(own.changing ?? []), ...young] };
  const exported = exportedState(objects);
  const kvstore = snapshot.kvstore?.ok === true ? snapshot.kvstore.value : undefined;
  const maxConnectedClusters = maxClusters(objects);
  return {
    ...{ snapshot, objects, exported, kvstore },
    shared: {
      name: objects.name,
      config: kvstore?.configs[objects.name] ?? { id: objects.id, maxConnectedClusters },
      state: kvstore === undefined ? exported : stateFromHeld(kvstore.own, exported),
    },
  };
}

const knownClusters = (members: readonly Member[]): KnownClusters => ({
  maxConnectedClusters: Math.max(255, ...members.map((m) => m.shared.config.maxConnectedClusters)),
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
  { objects, exported, kvstore, snapshot }: Member,
  unread: string[],
): Difference[] {
  const at = { place: places.kvstore(objects.name), of: objects.name };
  if (kvstore === undefined) {
    unread.push(`kvstore of ${objects.name}: ${reasonOf(snapshot.kvstore)}`);
    return [];
  }
  const allowedAddresses = new Set([...nodeAddresses(objects), ...(objects.changing ?? [])]);
  return [
    ...malformedDifferences(kvstore, at),
    ...stateDifferences(exported, { ...at, state: kvstore.own, allowedAddresses }),
  ];
}

const reasonOf = (part: Part<unknown> | undefined): string =>
  part === undefined || part.ok ? "not collected" : part.why;

/** What a cluster's KVStoreMesh copied of a peer, and the peer as its agents read it; none if nothing was copied. */
function cacheDifferences(
  { objects, kvstore, snapshot }: Member,
  { shared, exported, objects: { changing = [] } }: Member,
): { differences: Difference[]; peer?: PeerState } {
  const cache = kvstore?.caches[shared.name];
  const told = snapshot.peers.ok && Object.hasOwn(snapshot.peers.value.kvstoreMesh, shared.name);
  const copies = kvstore !== undefined && (told || Object.keys(kvstore.caches).length > 0);
  const place = places.cache(objects.name, shared.name);
  const at = { place, of: shared.name };
  // Without any copy it has no KVStoreMesh, or was not read: its agents read the peer itself.
  if (!copies) return { differences: [], peer: shared };
  if (cache === undefined || isEmptyState(cache))
    return { differences: [{ kind: "missing", ...at, object: "cluster", name: shared.name, origin: "" }] };
  return {
    differences: stateDifferences(copiedState(shared), {
      ...{ ...at, state: cache },
      allowedAddresses: new Set(changing),
    }),
    peer: {
      ...{ name: shared.name, config: kvstore?.configs[shared.name] ?? shared.config },
      state: stateFromHeld(cache, exported),
    },
  };
}

/** Clusters that its agents may have read, or kept from before, and that are not known here. */
function unknownPeers(
  { objects, snapshot, kvstore }: Pick<Member, "objects" | "snapshot" | "kvstore">,
  peers: readonly PeerState[],
  known: KnownClusters,
): string[] {
  const told = snapshot.peers.ok ? snapshot.peers.value : undefined;
  const all = new Set([
    ...known.idOf.keys(),
    ...Object.keys(told?.agents ?? {}),
    ...Object.keys(told?.kvstoreMesh ?? {}),
    ...Object.keys(kvstore?.caches ?? {}),
    ...snapshot.agents.flatMap(({ remotes }) => (remotes.ok ? remotes.value.map((r) => r.name) : [])),
  ]);
  return [...all].filter((name) => name !== objects.name && peers.every((p) => p.name !== name));
}

function agentDifferences(
  { objects, snapshot, kvstore }: Member,
  peers: readonly PeerState[],
  { known, unread }: { readonly known: KnownClusters; readonly unread: string[] },
): Difference[] {
  const expected = agentState(objects, peers);
  const services = serviceExpectation(
    objects,
    peers,
    unknownPeers({ objects, snapshot, kvstore }, peers, known),
  );
  const ipOf = new Map((objects.ciliumNodes ?? []).map((n) => [n.name, nodeIp(n.addresses ?? [])] as const));
  const addressOf = new Map(objects.nodes?.map((n) => [n.name, n.address]));
  return snapshot.agents.flatMap((agent) => {
    const node = agent.node;
    const at: AgentPlace = {
      cluster: objects.name,
      node,
      nodeIp: ipOf.get(node) ?? (addressOf.get(node) || undefined),
    };
    const compared = <K extends "ipcache" | "nodeList" | "identities" | "services">(
      part: K,
      compare: (held: Extract<AgentState[K], { ok: true }>["value"]) => Difference[],
    ): Difference[] => {
      const held: Part<unknown> = agent[part];
      if (!held.ok) unread.push(`agent of ${objects.name}/${node}: ${part}: ${held.why}`);
      return held.ok ? compare(held.value as Extract<AgentState[K], { ok: true }>["value"]) : [];
    };
    return [
      ...compared("nodeList", (held) => nodeListDifferences(expected, held, at)),
      ...compared("identities", (held) => identityDifferences(expected, held, { agent: at, known })),
      ...compared("ipcache", (held) => ipcacheDifferences(expected, held, { agent: at, known })),
      ...compared("services", (held) => [
        ...(services === undefined
          ? []
          : serviceDifferences(services, held, { ...at, changing: known.changing })),
        ...(agent.lbMaps.ok ? serviceMapDifferences(held, agent.lbMaps.value, at) : []),
      ]),
    ];
  });
}
