import type { KubeObject } from "./kube.ts";

const meshController = "endpointslice-mesh-controller.cilium.io";
const managedBy = "endpointslice.kubernetes.io/managed-by";

interface Endpoint {
  readonly addresses: readonly string[];
  readonly hostname?: string;
  readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean };
}

/** The endpoints of a cluster's own EndpointSlices, without those that Cilium mirrors from other clusters. */
export function ownEndpoints(slices: readonly KubeObject[]): Endpoint[] {
  return slices
    .filter((s) => s.metadata.labels?.[managedBy] === "endpointslice-controller.k8s.io")
    .flatMap((s) => (s.endpoints ?? []) as Endpoint[]);
}

/** Without the EndpointSlices that Cilium's operator mirrors: what clustermesh-apiserver reads (pkg/k8s/utils/utils.go). */
export const notMirrored = (slices: readonly KubeObject[]): KubeObject[] =>
  slices.filter((s) => !isMirrored(s));

export const isMirrored = ({ metadata }: KubeObject): boolean =>
  metadata.labels?.[managedBy] === meshController;

/** In Kubernetes a missing condition counts as ready. */
export const isReady = (endpoint: Endpoint): boolean => endpoint.conditions?.ready !== false;

/**
 * How many endpoints still count. A cluster exports an endpoint as long as it serves, even while it terminates
 * (operator/watchers/service_sync.go); its own agents treat an endpoint that is not ready as terminating.
 */
export const endpointsLeft = (slices: readonly KubeObject[], abroad: boolean): number =>
  ownEndpoints(slices).filter((e) => isReady(e) || (abroad && e.conditions?.serving === true)).length;

/** EndpointSlices that Cilium's operator mirrors from another cluster (pkg/clustermesh/endpointslicesync). */
export function mirroredEndpoints(slices: readonly KubeObject[], from: string): Endpoint[] {
  return slices
    .filter(
      ({ metadata: { labels } }) =>
        labels?.[managedBy] === meshController &&
        labels["multicluster.kubernetes.io/source-cluster"] === from,
    )
    .flatMap((s) => (s.endpoints ?? []) as Endpoint[]);
}
