import { shellQuote } from "#harness/lib/shell-quote.ts";
import type { ClusterSnapshot, MeshSnapshot, Part } from "#harness/model/mesh-snapshot.ts";

/** A part's value, or nothing: a layer says nothing of what could not be read; the layer that reads it says so. */
export function known<T>(part: Part<readonly T[]>): readonly T[] {
  return part.ok ? part.value : [];
}

/** A line to paste. Objects are named as `kind/name`: a name out of an archive could begin like an option. */
export const kubectl = (namespace: string, ...args: readonly string[]): string =>
  shellQuote(["kubectl", "-n", namespace, ...args]);

/** What a cluster calls itself. */
export const nameOf = (c: ClusterSnapshot): string =>
  (c.config.ok ? c.config.value["cluster-name"] : undefined) ?? c.name;

/**
 * Peers that a cluster names besides all others of the snapshot: of them nothing was given, as when one sysdump of a mesh
 * is at hand. A name that stands where that of another cluster should is a mistake instead.
 */
export function unseenPeers(mesh: MeshSnapshot, cluster: ClusterSnapshot): ReadonlySet<string> {
  if (!cluster.peers.ok) return new Set();
  const names = mesh.clusters.map(nameOf);
  const others = names.filter((name) => name !== nameOf(cluster));
  return new Set(
    Object.values(cluster.peers.value)
      .map((entries) => Object.keys(entries))
      .filter((peers) => others.every((name) => peers.includes(name)))
      .flatMap((peers) => peers.filter((name) => !names.includes(name))),
  );
}
