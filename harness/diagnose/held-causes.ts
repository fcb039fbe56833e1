import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { Difference } from "#harness/semantics/compare.ts";
import { explainedByEndpointCrds } from "./endpoint-crds.ts";
import { fullMapsOf } from "./full-maps.ts";
import { misaddressedNodes } from "./node-addresses.ts";
import { known, nameOf } from "./parts.ts";
import { fullReplicas } from "./refused-sources.ts";
import { unmanagedPodsOf } from "./unmanaged-pods.ts";

/** Tells which differences another finding explains: they are not named again. */
export function explainedDifferences(mesh: MeshSnapshot): (difference: Difference) => boolean {
  const misaddressed = new Set(misaddressedNodes(mesh).map((m) => m.node));
  const unmanaged = new Set(
    mesh.clusters.flatMap((c) => unmanagedPodsOf(c).map((p) => `${nameOf(c)}/${p.namespace}/${p.name}`)),
  );
  const full = new Set(
    mesh.clusters.flatMap((c) =>
      [...fullMapsOf(c)].flatMap(([map, all]) =>
        all.filter((f) => f.isNow).map((f) => `${nameOf(c)}/${f.node} ${placeOfMap(map)}`),
      ),
    ),
  );
  const unwritten = new Map(mesh.clusters.map((c) => [nameOf(c), fullReplicas(c)]));
  const hasNoEndpoints = explainedByEndpointCrds(mesh);
  return (d) => {
    const { place, object, name, kind } = d;
    if (hasNoEndpoints(d)) return true;
    // One that takes no writes keeps what was deleted, too.
    if (place.hop === "kvstore" || place.hop === "cache") {
      const replicas = unwritten.get(place.cluster);
      if (place.pod === undefined ? (replicas?.size ?? 0) > 0 : replicas?.has(place.pod) === true)
        return true;
    }
    if (object === "CiliumEndpoint" && kind === "missing") return unmanaged.has(`${place.cluster}/${name}`);
    if (object === "CiliumNode" && kind === "different") return misaddressed.has(`${place.cluster}/${name}`);
    if (place.node === undefined) return false;
    const node = `${place.cluster}/${place.node}`;
    // What an agent knows of its own node is right there.
    if (misaddressed.has(node) && (d.origin === `CiliumNode ${place.node}` || d.field === "tunnel endpoint"))
      return true;
    return kind === "missing" && full.has(`${node} ${place.text.replace(/ of \S+$/, "")}`);
  };
}

/** As differences name the maps. */
const placeOfMap = (map: string): string =>
  map.startsWith("cilium_lb")
    ? "the BPF service map"
    : map.startsWith("cilium_ipcache")
      ? "the ipcache"
      : map;

/** Whether KVStoreMesh of a cluster says that it is not connected to a peer: then its copy is old. */
export function isCopyLost(mesh: MeshSnapshot, { place, of }: Pick<Difference, "place" | "of">): boolean {
  const cluster = mesh.clusters.find((c) => nameOf(c) === place.cluster);
  const remotes = known(cluster?.kvstoreMesh).filter(
    (r) => r.name === of && (place.pod === undefined || r.pod === undefined || r.pod === place.pod),
  );
  return place.hop === "cache" && remotes.length > 0 && remotes.every((r) => !r.connected);
}
