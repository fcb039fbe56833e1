import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { isGlobal } from "#harness/semantics/annotations.ts";
import { isDerived, known } from "./parts.ts";

/** A service that the mesh joins, in one of its clusters. */
export interface MeshService {
  readonly cluster: ClusterSnapshot;
  readonly namespace: string;
  readonly name: string;
}

/** The global and the exported services of a namespace, in every cluster. */
export function meshServicesIn(mesh: MeshSnapshot, namespace: string): MeshService[] {
  return mesh.clusters.flatMap((cluster) => {
    const global = known(cluster.services).filter((s) => isGlobal(s.annotations) && !isDerived(s));
    const names = [...global, ...known(cluster.serviceExports)]
      .filter((s) => s.namespace === namespace)
      .map((s) => s.name);
    return [...new Set(names)].map((name) => ({ cluster, namespace, name }));
  });
}
