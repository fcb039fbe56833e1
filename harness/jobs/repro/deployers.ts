import type { Part } from "./part.ts";

/** API groups of programs that install charts and manifests on other clusters. */
const deployers =
  /(^|\.)(argoproj\.io|fluxcd\.io|fleet\.cattle\.io|cluster\.x-k8s\.io|gardener\.cloud|crossplane\.io|kustomize\.config\.k8s\.io)$/;

/** Kinds of objects that are of no cluster of the mesh; none if there is any other object. */
export function deployerKinds({ objects }: Pick<Part, "objects">): string[] {
  const groups = objects.map((o) => o.apiVersion?.replace(/\/.*/, "") ?? "");
  return groups.every((group) => deployers.test(group))
    ? [...new Set(objects.flatMap((o) => o.kind ?? []))]
    : [];
}
