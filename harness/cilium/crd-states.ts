import { type Kube, kinds } from "#harness/kube/kube.ts";
import type { CrdState } from "#harness/semantics/crd-versions.ts";
import { crdStateOf } from "#harness/semantics/required-crds.ts";

/** The CRDs of Cilium and of what its features need in a cluster, with the versions in which objects may be stored. */
export const crdStates = async ({ kube }: { readonly kube: Pick<Kube, "list"> }): Promise<CrdState[]> =>
  (await kube.list(kinds.crd)).flatMap((crd) => crdStateOf(crd) ?? []);
