import type { SharedClusterConfig, SharedState } from "#harness/model/shared-state.ts";
import type { ClusterObjects } from "./cluster-objects.ts";
import type { Expected } from "./compare.ts";
import { type Entries, type ExportedState, entryName, exportedState } from "./exported-state.ts";
import { clusterIdOf, clusterOfLabels } from "./identity-labels.ts";
import { maxClusters } from "./mesh-settings.ts";

/** Another cluster, as an agent or a KVStoreMesh reads it: from the step before. */
export interface PeerState {
  readonly name: string;
  readonly config: Pick<SharedClusterConfig, "id" | "maxConnectedClusters">;
  readonly state: ExportedState;
}

/** A peer as its own API server says, without any step between. */
export const peerOf = (objects: ClusterObjects): PeerState => ({
  name: objects.name,
  config: {
    id: objects.id,
    maxConnectedClusters: maxClusters(objects),
  },
  state: exportedState(objects),
});

type Part = keyof SharedState;
const parts = Object.keys(entryName) as Part[];

/** The entries that a kvstore holds, by name. */
export const heldEntries = <K extends Part>(
  state: SharedState,
  part: K,
): ReadonlyMap<string, SharedState[K][number]> =>
  new Map(
    (state[part] as readonly SharedState[K][number][]).map((entry) => [nameIn(part, entry), entry] as const),
  );

const nameIn = <K extends Part>(part: K, entry: SharedState[K][number]): string => entryName[part](entry);

/**
 * What a kvstore holds, as the expectation of the next step. Objects, and whether an entry may be missing, are those of
 * the API server where it has the entry.
 */
export function stateFromHeld(held: SharedState, source: ExportedState): ExportedState {
  const from = <K extends Part>(part: K): Entries<SharedState[K][number]> => {
    const known = source[part] as ReadonlyMap<string, Expected<unknown>> | undefined;
    const entries = new Map<string, Expected<SharedState[K][number]>>();
    for (const [name, value] of heldEntries(held, part)) {
      const { origin = "", optional } = known?.get(name) ?? {};
      entries.set(name, { value, origin, ...(optional === true ? { optional } : {}) });
    }
    return entries;
  };
  return {
    nodes: from("nodes"),
    addresses: from("addresses"),
    identities: from("identities"),
    services: from("services"),
    slices: from("slices"),
    exports: from("exports"),
  };
}

const ofCluster = ["nodes", "services", "slices", "exports"] as const;

/**
 * What KVStoreMesh copies: addresses and identities all, and of the other kinds the keys below the cluster's own name
 * (pkg/clustermesh/kvstoremesh/reflector/cell.go:17-58@1.20.2, pkg/clustermesh/kvstoremesh/remote_cluster.go in 1.19.7
 * and 1.18.11).
 */
export function copiedState({ name, state }: PeerState): ExportedState {
  const own = Object.fromEntries(
    ofCluster.map((part) => [part, withoutOthers(state[part] as Entries<unknown>, name)]),
  );
  return { ...state, ...own };
}

const withoutOthers = (entries: Entries<unknown>, cluster: string): Entries<unknown> =>
  entries === undefined
    ? undefined
    : new Map([...entries].filter(([name]) => name.startsWith(`${cluster}/`)));

/** Below it are reserved identities, which agents accept of every cluster. */
const firstAllocated = 256;

/**
 * What agents accept of a peer: nodes and services with its name and id (`ClusterIDValidator`,
 * pkg/node/store/store.go:83@1.20.2, pkg/clustermesh/store/store.go@1.20.2), addresses with an identity of its range
 * (`WithIdentityValidator`, pkg/ipcache/kvstore.go:290@1.20.2, :262@1.18.11), identities of its range that are labelled
 * with its name (`clusterIDValidator`, `clusterNameValidator`, pkg/identity/cache/allocator.go:1027@1.20.2).
 */
export function acceptedState(peer: PeerState): ExportedState {
  const { name, config, state } = peer;
  const copied = copiedState(peer);
  const ofRange = (identity: number): boolean =>
    clusterIdOf(identity, config.maxConnectedClusters) === config.id && identity >= firstAllocated;
  return {
    ...copied,
    nodes: filtered(copied.nodes, (n) => n.clusterId === config.id),
    services: filtered(copied.services, (s) => s.clusterId === config.id),
    addresses: filtered(state.addresses, (a) => a.identity < firstAllocated || ofRange(a.identity)),
    identities: filtered(state.identities, (i) => ofRange(i.id) && clusterOfLabels(i.labels) === name),
  };
}

const filtered = <T>(entries: Entries<T>, keep: (value: T) => boolean): Entries<T> =>
  entries === undefined ? undefined : new Map([...entries].filter(([, { value }]) => keep(value)));

/** Whether a copy holds nothing at all. */
export const isEmptyState = (state: SharedState): boolean => parts.every((part) => state[part].length === 0);
