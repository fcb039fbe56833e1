import type { Capabilities } from "#harness/cluster/capabilities.ts";

/** What not every cluster has or allows. A fault needs it in every cluster of the mesh. */
export type Need =
  | "clustermesh-apiserver"
  | "KVStoreMesh"
  | "an external etcd"
  | "native routing"
  | "nodes on this machine"
  | "clusters created by Meshproof";

const holds: Readonly<Record<Need, (has: Capabilities) => boolean>> = {
  "clustermesh-apiserver": (has) => has.hasApiserver,
  KVStoreMesh: (has) => has.hasKvstoreMesh,
  "an external etcd": (has) => !has.hasApiserver,
  "native routing": (has) => has.routesNatively,
  "nodes on this machine": (has) => has.nodesAreLocal,
  "clusters created by Meshproof": (has) => has.allowsNodeControl,
};

interface Needing {
  readonly needs?: Need;
  readonly needsNamespace?: boolean;
}

/** All needs of a fault. One that affects more than a suite's own objects changes nodes or Cilium itself. */
export const needsOf = ({ needs, needsNamespace }: Needing): readonly Need[] => [
  ...(needsNamespace === true ? [] : ["clusters created by Meshproof" as const]),
  ...(needs === undefined ? [] : [needs]),
];

/** The need of a fault that a mesh does not meet; undefined if the fault can be injected. */
export function lacked(
  fault: Needing,
  mesh: { readonly clusters: readonly { readonly capabilities: Capabilities }[] },
): Need | undefined {
  return needsOf(fault).find((need) => !mesh.clusters.every((c) => holds[need](c.capabilities)));
}
