// What was read from a mesh at one time, from live agents or from an archive. Pure data, judged by checks.
import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

export const nodeEntrySchema = z.object({
  /** As Cilium names it: `cluster/node`. */
  name: z.string(),
  addresses: z.array(z.object({ ip: z.string(), type: z.string() })),
  podCidrs: z.array(z.string()),
  healthIp: z.string(),
});
export type NodeEntry = Infer<typeof nodeEntrySchema>;

export const remoteClusterStatusSchema = z.object({
  name: z.string(),
  connected: z.boolean(),
  ready: z.boolean(),
  status: z.string(),
  config: z.object({
    required: z.boolean(),
    retrieved: z.boolean(),
    clusterId: z.number(),
    kvstoreMesh: z.boolean(),
  }),
  counts: z.object({
    nodes: z.number(),
    endpoints: z.number(),
    identities: z.number(),
    services: z.number(),
    /** From Cilium 1.20 on. */
    endpointSlices: z.number().exactOptional(),
  }),
  synced: z.object({
    nodes: z.boolean(),
    endpoints: z.boolean(),
    identities: z.boolean(),
    services: z.boolean(),
    /** Present only if the reporter reads EndpointSlices, from 1.20 on; an agent that does reads no services. */
    endpointSlices: z.boolean().exactOptional(),
  }),
});
export type RemoteClusterStatus = Infer<typeof remoteClusterStatusSchema>;

/** The pod of the replica of clustermesh-apiserver, where there are several. */
export const replicaPod = { pod: z.string().exactOptional() };
export const kvstoreMeshStatusSchema = remoteClusterStatusSchema.extend(replicaPod);
/** What a KVStoreMesh reports about a peer. */
export type KvstoreMeshStatus = Infer<typeof kvstoreMeshStatusSchema>;

export const failingControllerSchema = z.object({
  name: z.string(),
  /** Consecutive failures. */
  failures: z.number(),
  message: z.string(),
});
/** A controller of an agent (a task that it repeats) whose last run failed. */
export type FailingController = Infer<typeof failingControllerSchema>;

export const endpointChangeSchema = z.object({ ip: z.string(), atMs: z.number() });
/** An address that an endpoint got or left, and when. */
export type EndpointChange = Infer<typeof endpointChangeSchema>;

const healthPathSchema = z.object({ status: z.string(), latencyNs: z.number(), lastProbed: z.string() });
/** One probed path of cilium-health. An empty status is a success. */
export type HealthPath = Infer<typeof healthPathSchema>;

const healthAddressSchema = z.object({
  ip: z.string(),
  icmp: healthPathSchema.exactOptional(),
  http: healthPathSchema.exactOptional(),
});

const healthNodeSchema = z.object({
  name: z.string(),
  host: healthAddressSchema,
  endpoint: healthAddressSchema.exactOptional(),
});

export const healthReportSchema = z.object({
  local: z.string(),
  timestamp: z.string(),
  /** The interval in which the agent probes every path; 0 if it does not report it. */
  probeIntervalMs: z.number(),
  nodes: z.array(healthNodeSchema),
});
export type HealthReport = Infer<typeof healthReportSchema>;

export const ipcacheEntrySchema = z.object({
  /** A CIDR: pods are `/32`. */
  cidr: z.string(),
  identity: z.number(),
  tunnelEndpoint: z.string(),
});
export type IpcacheEntry = Infer<typeof ipcacheEntrySchema>;

const serviceBackendSchema = z.object({ ip: z.string(), port: z.number(), state: z.string() });

export const serviceEntrySchema = z.object({
  frontend: z.string(),
  protocol: z.string(),
  type: z.string(),
  name: z.string(),
  namespace: z.string(),
  backends: z.array(serviceBackendSchema),
});
export type ServiceEntry = Infer<typeof serviceEntrySchema>;

const endpointEntrySchema = z.object({
  id: z.number(),
  labels: z.array(z.string()),
  /** `none`, `ingress`, `egress` or `both`: the directions with policy enforcement. */
  policyEnforced: z.string(),
});
/** A pod's endpoint on its own node. */
export type EndpointEntry = Infer<typeof endpointEntrySchema>;

export const identityEntrySchema = z.object({
  id: z.number(),
  labels: z.array(z.string()),
  /** When the operator marked it for deletion because no endpoint used it; of an API server's only. */
  markedMs: z.number().exactOptional(),
});
export type IdentityEntry = Infer<typeof identityEntrySchema>;
