import { type Kube, kinds } from "#harness/kube/kube.ts";
import type { CrdState } from "#harness/semantics/crd-versions.ts";

/** Cilium's CRDs in a cluster, with the versions in which objects may be stored. */
export async function crdStates({ kube }: { readonly kube: Pick<Kube, "list"> }): Promise<CrdState[]> {
  const found = await kube.list(kinds.crd);
  return found
    .filter((o) => o.metadata.name.endsWith(".cilium.io"))
    .map((o) => ({ name: o.metadata.name, stored: (o.status?.storedVersions ?? []) as string[] }));
}
