import type { Mesh } from "#harness/cluster/mesh.ts";

/** A part that not every way of meshing has. */
export type Need = "clustermesh-apiserver" | "KVStoreMesh" | "an external etcd" | "native routing";

/** What a mesh lacks of what a fault would harm; nothing where it can be injected. */
export function lacked(needs: Need | undefined, mesh: Pick<Mesh, "clusters">): Need | undefined {
  if (needs === undefined) return undefined;
  const has: Readonly<Record<Need, boolean>> = {
    "clustermesh-apiserver": mesh.clusters.every((c) => c.hasApiserver),
    KVStoreMesh: mesh.clusters.every((c) => c.hasKvstoreMesh),
    "native routing": mesh.clusters.every((c) => c.routesNatively),
    "an external etcd": mesh.clusters.every((c) => !c.hasApiserver),
  };
  return has[needs] ? undefined : needs;
}
