// What clusters share with each other, in the terms of Cilium's kvstore keys.
import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

const sharedNodeSchema = z.object({
  /** `cluster/node`, as in the key. */
  name: z.string(),
  clusterId: z.number(),
  addresses: z.array(z.object({ type: z.string(), ip: z.string() })),
  podCidrs: z.array(z.string()),
  healthIps: z.array(z.string()),
  ingressIps: z.array(z.string()),
  /** Its public key; absent without WireGuard. */
  wireguardKey: z.string().exactOptional(),
});
export type SharedNode = Infer<typeof sharedNodeSchema>;

const sharedAddressSchema = z.object({
  ip: z.string(),
  identity: z.number(),
  /** The address of the pod's node: the tunnel endpoint. */
  hostIp: z.string(),
  namespace: z.string(),
  pod: z.string(),
});
export type SharedAddress = Infer<typeof sharedAddressSchema>;

const sharedIdentitySchema = z.object({
  id: z.number(),
  /** `source:key=value`, sorted; without `=` if the value is empty. */
  labels: z.array(z.string()),
});
export type SharedIdentity = Infer<typeof sharedIdentitySchema>;

export const sharedPortSchema = z.object({ name: z.string(), protocol: z.string(), port: z.number() });
/** A named port of a service's frontend or backend; the name may be empty. */
export type SharedPort = Infer<typeof sharedPortSchema>;

const portsOfAddresses = z.record(z.string(), z.array(sharedPortSchema));
const sharedServiceSchema = z.object({
  /** `cluster/namespace/name`. */
  name: z.string(),
  clusterId: z.number(),
  frontends: portsOfAddresses,
  /** By address. */
  backends: portsOfAddresses,
});
export type SharedService = Infer<typeof sharedServiceSchema>;

const sharedSliceSchema = z.object({
  /** `cluster/namespace/name` of the EndpointSlice. */
  name: z.string(),
  clusterId: z.number(),
  service: z.string(),
  /** Sorted. */
  addresses: z.array(z.string()),
  serving: z.number(),
});
/** An EndpointSlice of a global service, as 1.20 and later write it. */
export type SharedSlice = Infer<typeof sharedSliceSchema>;

const sharedExportSchema = z.object({
  /** `cluster/namespace/name`. */
  name: z.string(),
});
/** A ServiceExport of the MCS API. */
export type SharedExport = Infer<typeof sharedExportSchema>;

export const sharedStateSchema = z.object({
  nodes: z.array(sharedNodeSchema),
  addresses: z.array(sharedAddressSchema),
  identities: z.array(sharedIdentitySchema),
  services: z.array(sharedServiceSchema),
  slices: z.array(sharedSliceSchema),
  exports: z.array(sharedExportSchema),
});
/** What one cluster shares: in its own kvstore, or as another cluster's KVStoreMesh keeps a copy of it. */
export type SharedState = Infer<typeof sharedStateSchema>;

const clusterConfigSchema = z.object({
  id: z.number(),
  maxConnectedClusters: z.number(),
  /** `services-and-endpointslices` or `endpointslices-only`; empty if only services are exported. */
  slicesMode: z.string(),
});
/** `cilium/cluster-config/NAME`. */
export type SharedClusterConfig = Infer<typeof clusterConfigSchema>;

export const kvstoreStateSchema = z.object({
  own: sharedStateSchema,
  /** By cluster: what KVStoreMesh copied from it. */
  caches: z.record(z.string(), sharedStateSchema),
  configs: z.record(z.string(), clusterConfigSchema),
  /** Keys whose value is of another form, or of another object than the key: agents refuse them too. */
  malformed: z.array(z.object({ key: z.string(), why: z.string() })),
  /**
   * What its writers say is complete: keys under `cilium/synced/`, such as `c2/cilium/state/services/v1`. Absent in
   * evidence of earlier versions.
   */
  synced: z.array(z.string()).exactOptional(),
});
/** The contents of a cluster's kvstore. */
export type KvstoreState = Infer<typeof kvstoreStateSchema>;
