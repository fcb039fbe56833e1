import type { KubeObject } from "./kube.ts";

interface Endpoint {
  readonly addresses: readonly string[];
  readonly hostname?: string;
  readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean };
}

/** The endpoints of a cluster's own EndpointSlices, without those that Cilium mirrors from other clusters. */
export function ownEndpoints(slices: readonly KubeObject[]): Endpoint[] {
  return slices
    .filter(
      (s) =>
        s.metadata.labels?.["endpointslice.kubernetes.io/managed-by"] === "endpointslice-controller.k8s.io",
    )
    .flatMap((s) => (s.endpoints ?? []) as Endpoint[]);
}

/** In Kubernetes a missing condition counts as ready. */
export const isReady = (endpoint: Endpoint): boolean => endpoint.conditions?.ready !== false;

/** EndpointSlices that Cilium's operator mirrors from another cluster (pkg/clustermesh/endpointslicesync). */
export function mirroredEndpoints(slices: readonly KubeObject[], from: string): Endpoint[] {
  return slices
    .filter(
      ({ metadata: { labels } }) =>
        labels?.["endpointslice.kubernetes.io/managed-by"] === "endpointslice-mesh-controller.cilium.io" &&
        labels["multicluster.kubernetes.io/source-cluster"] === from,
    )
    .flatMap((s) => (s.endpoints ?? []) as Endpoint[]);
}
