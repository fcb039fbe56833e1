/** Annotations of Cilium's "Load-balancing & Service Discovery" guide; older documents use the old `io.cilium/` names. */
export const annotation = {
  global: "service.cilium.io/global",
  shared: "service.cilium.io/shared",
  affinity: "service.cilium.io/affinity",
  syncEndpointSlices: "service.cilium.io/global-sync-endpoint-slices",
  /** Of a namespace, from Cilium 1.20 on. */
  globalNamespace: "clustermesh.cilium.io/global",
  oldGlobal: "io.cilium/global-service",
  oldShared: "io.cilium/shared-service",
  oldAffinity: "io.cilium/service-affinity",
} as const;
