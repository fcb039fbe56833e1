import { isAtLeast } from "#harness/lib/version.ts";

/** Annotations of Cilium's "Load-balancing & Service Discovery" guide; older documents use the old `io.cilium/` names. */
export const annotation = {
  global: "service.cilium.io/global",
  shared: "service.cilium.io/shared",
  affinity: "service.cilium.io/affinity",
  syncEndpointSlices: "service.cilium.io/global-sync-endpoint-slices",
  /** Of a namespace, from Cilium 1.19 on; the chart has a default for all others from 1.20 on. */
  globalNamespace: "clustermesh.cilium.io/global",
  oldGlobal: "io.cilium/global-service",
  oldShared: "io.cilium/shared-service",
  oldAffinity: "io.cilium/service-affinity",
} as const;

type Annotations = Readonly<Record<string, string>>;

/** Cilium takes the first that is there, whatever its value (`annotation.Get`, pkg/annotation/k8s.go:304@1.20.2). */
const first = (annotations: Annotations, ...keys: readonly string[]): string | undefined =>
  keys.map((key) => annotations[key]).find((value) => value !== undefined);

/** Any value but `true`, in any case, means no. */
const isTrue = (value: string): boolean => value.toLowerCase() === "true";

/**
 * Whether a service uses backends of other clusters (`GetAnnotationIncludeExternal`,
 * pkg/annotation/clustermesh.go:17@1.20.2, the same in 1.19.7 and 1.18.11).
 */
export function isGlobal(annotations: Annotations): boolean {
  const value = first(annotations, annotation.global, annotation.oldGlobal);
  return value !== undefined && isTrue(value);
}

/**
 * Whether a service's own backends are exported: only if it is global, and then unless it says otherwise
 * (`GetAnnotationShared`, pkg/annotation/clustermesh.go:25@1.20.2, the same in 1.19.7 and 1.18.11).
 */
export function isShared(annotations: Annotations): boolean {
  const value = first(annotations, annotation.shared, annotation.oldShared);
  return isGlobal(annotations) && (value === undefined || isTrue(value));
}

/** `own`: remote backends are never used. */
export type EffectiveAffinity = "none" | "local" | "remote" | "own";

/**
 * What Cilium makes of the affinity of a global service, in any case (`GetAnnotationServiceAffinity`,
 * pkg/annotation/clustermesh.go:39@1.20.2, the same in 1.19.7). Up to 1.19.5 a text that is neither empty, `local` nor
 * `remote` leaves the remote backends out, `none` too (pkg/annotation/clustermesh.go:36@1.18.11 and 1.19.4,
 * pkg/clustermesh/selectbackends.go:42-71@1.18.11).
 */
export function affinityOf(annotations: Annotations, version: string | undefined): EffectiveAffinity {
  const value = (first(annotations, annotation.affinity, annotation.oldAffinity) ?? "").toLowerCase();
  if (value === "local" || value === "remote") return value;
  return value !== "" && version !== undefined && !isAtLeast(version, "1.19.6") ? "own" : "none";
}

/**
 * The operator writes EndpointSlices for the pods of other clusters; off by default (`ClusterMeshConfig.Flags`,
 * pkg/clustermesh/endpointslicesync/cell.go@1.20.2), and Cilium 1.16 is the first with it.
 */
export const endpointSyncSetting = "clustermesh-enable-endpoint-sync";

/**
 * Whether it does so for a global service: for a headless one unless that says otherwise, for another only if that asks
 * (`doesServiceSyncEndpointSlice`, endpointslicesync/service_informer.go@1.20.2).
 */
export function wantsEndpointSlices(annotations: Annotations, isHeadless: boolean): boolean {
  const value = annotations[annotation.syncEndpointSlices];
  return value === undefined ? isHeadless : isTrue(value);
}

/** Whether objects of a namespace with these annotations are shared (`IsGlobalNamespace`, pkg/clustermesh/namespace/namespace.go:95@1.20.2). */
export function isGlobalNamespace(annotations: Annotations, byDefault: boolean): boolean {
  const value = annotations[annotation.globalNamespace];
  return value === undefined ? byDefault : isTrue(value);
}
