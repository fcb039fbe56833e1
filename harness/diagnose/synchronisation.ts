import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { RemoteClusterStatus } from "#harness/model/snapshot.ts";
import { kvstoresOf } from "#harness/semantics/kvstores.ts";
import { ciliumNamespace, known, kubectl, nameOf } from "./parts.ts";
import { apiserver, inCluster, restart } from "./repairs.ts";

/** The kinds of data that a reader says it has all of, and where a kvstore has them. */
const kinds: readonly (readonly [keyof RemoteClusterStatus["synced"], name: string, key: string])[] = [
  ["nodes", "nodes", "nodes"],
  ["endpoints", "endpoints", "ip"],
  ["identities", "identities", "identities"],
  ["services", "services", "services"],
  ["endpointSlices", "EndpointSlices", "endpointslices"],
];

/** What a reader that is connected to a peer has not read completely, and why. */
export interface Unsynchronised {
  /** To follow the name of the reader: `is connected to c2, and has not synchronised its services: ...`. */
  readonly what: string;
  readonly next: string;
  /** The peer's side, if it is at fault. */
  readonly of: ClusterSnapshot | undefined;
}

/**
 * A reader waits for the peer's marks that the first list of each kind is complete (`cilium/synced/CLUSTER/PREFIX`,
 * `WatchStore` and `SyncStore`, pkg/kvstore/store@1.20.2). Undefined where it is not connected, or lacks nothing.
 */
export function unsynchronised(
  mesh: MeshSnapshot,
  cluster: ClusterSnapshot,
  { reader, remote }: { readonly reader: "KVStoreMesh" | "agent"; readonly remote: RemoteClusterStatus },
): Unsynchronised | undefined {
  const lacking = kinds.filter(([kind]) => remote.synced[kind] === false);
  if (!remote.connected || !remote.config.retrieved || lacking.length === 0) return undefined;
  const begin = `is connected to ${remote.name}, and has not synchronised its ${lacking.map(([, name]) => name).join(", ")}`;
  const copies = known(cluster.kvstoreMesh).filter((r) => r.name === remote.name);
  if (reader === "agent" && copies.some((r) => lacking.some(([kind]) => r.synced[kind] === false)))
    return {
      what: `${begin}: KVStoreMesh of ${nameOf(cluster)}, by which it reads, has not either`,
      next: `correct what keeps KVStoreMesh of ${nameOf(cluster)} from it first`,
      of: undefined,
    };
  const peer = mesh.clusters.find((c) => c !== cluster && nameOf(c) === remote.name);
  const missing =
    peer === undefined || (reader === "agent" && copies.length > 0) ? [] : unmarked(peer, lacking);
  if (peer === undefined || missing.length === 0)
    return {
      what: begin,
      next: `see whether the kvstore that it reads has keys under cilium/synced/${remote.name}/, and what the log of clustermesh-apiserver of ${remote.name} waits for`,
      of: undefined,
    };
  const log = kubectl(ciliumNamespace(peer), "logs", apiserver, "-c", "apiserver");
  return {
    what: `${begin}: the kvstore of ${remote.name} lacks ${missing.join(" and ")}, so clustermesh-apiserver of ${remote.name} has not written all of them once`,
    next: `see what it waits for: ${inCluster(log, peer)}; then ${inCluster(restart(peer, apiserver), peer)}`,
    of: peer,
  };
}

/** The marks that every kvstore of a cluster lacks; none where one was not read, or has no marks at all. */
function unmarked(peer: ClusterSnapshot, lacking: typeof kinds): string[] {
  const marks = kvstoresOf(peer).map(({ state }) => state.synced ?? []);
  if (marks.length === 0 || marks.some((m) => m.length === 0)) return [];
  return lacking
    .map(([, , key]) => `${nameOf(peer)}/cilium/state/${key}/v1`)
    .filter((mark) => marks.every((m) => !m.includes(mark)))
    .map((mark) => `cilium/synced/${mark}`);
}
