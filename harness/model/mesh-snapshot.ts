import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";
import {
  attachedSchema,
  crashSchema,
  encryptionSchema,
  ipamSchema,
  loggedSchema,
  tunnelDeviceSchema,
} from "./agent-details.ts";
import { announcementsSchema, balancerSchema } from "./announcements.ts";
import { objectConditionSchema, refusedRequestSchema, webhookStateSchema } from "./api-objects.ts";
import { cidrGroupSchema, nodeConfigSchema } from "./config-objects.ts";
import { heldCertificateSchema, tlsCertificateSchema } from "./held-certificate.ts";
import { neighboursSchema } from "./node-network.ts";
import { nodeLinksSchema, sizesSchema } from "./packet-sizes.ts";
import { kvstoreStateSchema, sharedPortSchema } from "./shared-state.ts";
import {
  endpointChangeSchema,
  failingControllerSchema,
  healthReportSchema,
  identityEntrySchema,
  ipcacheEntrySchema,
  kvstoreMeshStatusSchema,
  nodeEntrySchema,
  remoteClusterStatusSchema,
  replicaPod,
  serviceEntrySchema,
} from "./snapshot.ts";

export type { Attached, Logged, TunnelDevice } from "./agent-details.ts";
export type { CidrGroup, NodeConfig } from "./config-objects.ts";
export { type Certificate, type HeldCertificate, heldCertificateSchema } from "./held-certificate.ts";
export type { Neighbours } from "./node-network.ts";
export { type NodeLinkState, nodeLinksSchema, type SizedRequests, sizesSchema } from "./packet-sizes.ts";

/** A part of a snapshot: what was read, or why it could not be read. `absent`: not requested, as in an archive. */
export type Part<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly why: string; readonly absent?: boolean };

const part = <S extends z.ZodType>(value: S) =>
  z.discriminatedUnion("ok", [
    z.object({ ok: z.literal(true), value }),
    z.object({ ok: z.literal(false), why: z.string(), absent: z.boolean().exactOptional() }),
  ]);

const texts = z.record(z.string(), z.string());
const lists = z.record(z.string(), z.array(z.string()));

const nodeStateSchema = z.object({
  name: z.string(),
  address: z.string(),
  podCidr: z.string(),
  ready: z.boolean(),
  /** The label `kubernetes.io/os`. Absent in evidence of earlier versions, like every part below that may be absent. */
  os: z.string().exactOptional(),
  labels: texts.exactOptional(),
  /** Those that say what is wrong: `Ready` if it is not true, pressures if they are. */
  conditions: z.array(objectConditionSchema).exactOptional(),
});
export type NodeState = Infer<typeof nodeStateSchema>;

const ciliumNodeStateSchema = z.object({
  name: z.string(),
  podCidrs: z.array(z.string()),
  addresses: z.array(z.object({ type: z.string(), ip: z.string() })).exactOptional(),
  healthIps: z.array(z.string()).exactOptional(),
  ingressIps: z.array(z.string()).exactOptional(),
  /** The id of its IPsec key; 0 without one. */
  encryptionKey: z.number().exactOptional(),
  /** The public key by which other nodes encrypt for it (its annotation `network.cilium.io/wg-pub-key`). */
  wireguardKey: z.string().exactOptional(),
});
export type CiliumNodeState = Infer<typeof ciliumNodeStateSchema>;

const namespaceStateSchema = z.object({
  name: z.string(),
  annotations: texts,
  /** It is being deleted: nothing can be created in it. */
  ending: z.literal(true).exactOptional(),
  deletedMs: z.number().exactOptional(),
  /** Those that say why its deletion has not ended. */
  conditions: z.array(objectConditionSchema).exactOptional(),
});
export type NamespaceState = Infer<typeof namespaceStateSchema>;

const containerStateSchema = z.object({
  name: z.string(),
  ready: z.boolean(),
  restarts: z.number(),
  /** `CrashLoopBackOff`, `Error`...; empty while it runs. */
  trouble: z.string(),
  /** How it ended last (`OOMKilled`, `Error`), and the Unix time of it; absent if it never did. */
  ended: z.object({ reason: z.string(), code: z.number(), atMs: z.number().exactOptional() }).exactOptional(),
  /** As Kubernetes writes it: `64Mi`; absent without one. */
  memoryLimit: z.string().exactOptional(),
});
export type ContainerState = Infer<typeof containerStateSchema>;

const podStateSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  node: z.string(),
  ip: z.string(),
  /** All of a dual-stack pod. */
  ips: z.array(z.string()).exactOptional(),
  hostNetwork: z.boolean(),
  ready: z.boolean(),
  readySinceMs: z.number().exactOptional(),
  /** When kubelet took it. */
  startedMs: z.number().exactOptional(),
  ending: z.boolean(),
  /** It has completed; its address may be another pod's. */
  ended: z.boolean().exactOptional(),
  labels: texts,
  containers: z.array(containerStateSchema),
  /** Its containers that wait, those for initialisation first: `PodInitializing`, `ImagePullBackOff`... */
  waiting: z
    .array(z.object({ container: z.string(), image: z.string(), reason: z.string(), message: z.string() }))
    .exactOptional(),
  /** Why no node takes it. */
  unscheduled: z.string().exactOptional(),
  /** Those that its containers declare; a sidecar's too. */
  ports: z.array(sharedPortSchema).exactOptional(),
});
export type PodState = Infer<typeof podStateSchema>;

const workloadStateSchema = z.object({
  kind: z.enum(["Deployment", "DaemonSet"]),
  namespace: z.string(),
  name: z.string(),
  desired: z.number(),
  ready: z.number(),
});

const serviceStateSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  type: z.string(),
  clusterIp: z.string(),
  loadBalancerIp: z.string(),
  /** Where the load balancer has a host name instead. */
  loadBalancerName: z.string().exactOptional(),
  annotations: texts,
  selector: texts,
  /** Ports that are reachable from outside its cluster: node ports, and those of a LoadBalancer. */
  outerPorts: z.array(z.number()).exactOptional(),
  labels: texts.exactOptional(),
  clusterIps: z.array(z.string()).exactOptional(),
  /** All at which its own cluster serves it: of the cluster, of load balancers, and `externalIPs`. */
  addresses: z.array(z.string()).exactOptional(),
  ports: z.array(sharedPortSchema).exactOptional(),
  /** `internalTrafficPolicy: Local`. */
  internalLocal: z.boolean().exactOptional(),
  /** `externalTrafficPolicy: Local`. */
  externalLocal: z.boolean().exactOptional(),
  /** Of each of `ports`: a number, or the name of a container's port. */
  targetPorts: z.array(z.union([z.number(), z.string()])).exactOptional(),
  /** It prefers backends of the client's zone or node (`trafficDistribution`, or the annotations for it). */
  topology: z.boolean().exactOptional(),
  balancer: balancerSchema.exactOptional(),
});
export type ServiceState = Infer<typeof serviceStateSchema>;

const sliceEndpointSchema = z.object({
  namespace: z.string(),
  service: z.string(),
  ip: z.string(),
  ready: z.boolean(),
});

const sliceStateSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  service: z.string(),
  /** Mirrored from another cluster by Cilium's operator. */
  mirrored: z.boolean(),
  addressType: z.string(),
  labels: texts,
  annotations: texts,
  ports: z.array(sharedPortSchema),
  endpoints: z.array(
    z.object({
      addresses: z.array(z.string()),
      node: z.string(),
      /** In Kubernetes a missing condition counts as true, and a missing `terminating` as false. */
      ready: z.boolean(),
      serving: z.boolean(),
      terminating: z.boolean(),
    }),
  ),
});
export type SliceState = Infer<typeof sliceStateSchema>;

const ciliumEndpointStateSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  ip: z.string(),
  ipv6: z.string().exactOptional(),
  identity: z.number(),
  /** The address of its node. */
  hostIp: z.string().exactOptional(),
  createdMs: z.number().exactOptional(),
});
export type CiliumEndpointState = Infer<typeof ciliumEndpointStateSchema>;

const objectNameSchema = z.object({ namespace: z.string(), name: z.string() });

const policyStateSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  spec: z.record(z.string(), z.unknown()),
});

const policyObjectSchema = z.object({
  kind: z.enum(["NetworkPolicy", "CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"]),
  /** Empty for a clusterwide policy. */
  namespace: z.string(),
  name: z.string(),
  /** 1 while its spec was never changed. */
  generation: z.number().exactOptional(),
  specs: z.array(z.record(z.string(), z.unknown())),
  /** Where each of `specs` is in the object: `spec`, `specs[0]`. */
  paths: z.array(z.string()).exactOptional(),
});
/** A policy of any kind, with all its rules. */
export type PolicyObject = Infer<typeof policyObjectSchema>;

const eventStateSchema = z.object({
  namespace: z.string(),
  /** Of the object that it is about. */
  kind: z.string(),
  name: z.string(),
  reason: z.string(),
  message: z.string(),
  /** When it occurred last. */
  at: z.string(),
});
/** A warning of Kubernetes. */
export type EventState = Infer<typeof eventStateSchema>;

const peerPathSchema = z.object({
  ...replicaPod,
  peer: z.string(),
  /** URLs, and the addresses that their host names resolve to. */
  endpoints: z.array(z.object({ url: z.string(), ips: z.array(z.string()) })),
  trusted: z.array(tlsCertificateSchema),
  client: z.array(tlsCertificateSchema),
  /** What the peer presented; known only if the connection failed. */
  presented: z.array(tlsCertificateSchema),
});
/** How a reader connects to a peer, as Cilium's `troubleshoot` prints it. */
export type PeerPath = Infer<typeof peerPathSchema>;

const peerTroubleSchema = z.object({ ...replicaPod, peer: z.string(), step: z.string() });
/** One failed step towards a peer's etcd. */
export type PeerTrouble = Infer<typeof peerTroubleSchema>;

const peerWordSchema = z.object({ ...replicaPod, peer: z.string(), good: z.boolean(), text: z.string() });
/** The last log line of an agent or KVStoreMesh about its connection to a peer. */
export type PeerWord = Infer<typeof peerWordSchema>;

const agentStateSchema = z.object({
  node: z.string(),
  remotes: part(z.array(remoteClusterStatusSchema)),
  /** The failed steps of `cilium-dbg troubleshoot clustermesh`, like those of KVStoreMesh. */
  trouble: part(z.array(peerTroubleSchema)).exactOptional(),
  paths: part(z.array(peerPathSchema)).exactOptional(),
  words: part(z.array(peerWordSchema)),
  /** Absent in evidence of earlier versions, which did not read it. */
  controllers: part(z.array(failingControllerSchema)).exactOptional(),
  tunnels: part(z.array(tunnelDeviceSchema)).exactOptional(),
  /** cilium-config as it was when the agent started, with what overrides it on its node; empty if it is not known. */
  startedWith: part(texts).exactOptional(),
  /** Empty where the kernel has no links to pin (before 6.6). */
  programs: part(z.array(attachedSchema)).exactOptional(),
  encryption: part(encryptionSchema).exactOptional(),
  ipam: part(ipamSchema).exactOptional(),
  logged: part(z.array(loggedSchema)).exactOptional(),
  nodeList: part(z.array(nodeEntrySchema)),
  health: part(healthReportSchema),
  services: part(z.array(serviceEntrySchema)),
  lbMaps: part(z.map(z.string(), z.array(z.string()))),
  identities: part(z.array(identityEntrySchema)),
  ipcache: part(z.array(ipcacheEntrySchema)),
});
export type AgentState = Infer<typeof agentStateSchema>;

const firewallRuleSchema = z.object({
  /** The pod whose network namespace it is in; empty for the node's. */
  podIp: z.string(),
  /** A process of the pod, by its number on the node. */
  pid: z.number().exactOptional(),
  /** Of iptables; absent for a routing rule, and in evidence of earlier versions. */
  table: z.string().exactOptional(),
  /** Family and name of a table of nftables, which iptables does not show: `inet firewalld`. */
  nft: z.string().exactOptional(),
  text: z.string(),
  packets: z.number(),
});
/** A firewall or routing rule that drops or rejects and belongs to neither Kubernetes nor Cilium. */
export type FirewallRule = Infer<typeof firewallRuleSchema>;

const nodeInsideSchema = z.object({
  node: z.string(),
  neighbours: part(neighboursSchema).exactOptional(),
  rules: part(z.array(firewallRuleSchema)),
  /** Command lines of processes in state T. */
  stopped: z.array(z.string()),
  /** The states of its units of systemd: `containerd` to `inactive`. */
  units: texts.exactOptional(),
});
/** What was read inside a node. */
export type NodeInside = Infer<typeof nodeInsideSchema>;

export const unreadFileSchema = z.object({ what: z.string(), why: z.string(), next: z.string() });
/** An expected file of an archive that was not read, and what to do about it. */
export type UnreadFile = Infer<typeof unreadFileSchema>;

export const collectedSchema = z.object({ atMs: z.number() });
export const containersSchema = z.array(z.object({ name: z.string(), state: z.string() }));
export const configMapSchema = texts;
export const peersSchema = z.object({ agents: lists, kvstoreMesh: lists });

const clusterSnapshotSchema = z.object({
  name: z.string(),
  /** cilium-config. */
  config: part(configMapSchema),
  /** Nodes as containers of the host; absent for external clusters. */
  containers: part(containersSchema),
  nodes: part(z.array(nodeStateSchema)),
  ciliumNodes: part(z.array(ciliumNodeStateSchema)),
  pods: part(z.array(podStateSchema)),
  workloads: part(z.array(workloadStateSchema)),
  services: part(z.array(serviceStateSchema)),
  endpoints: part(z.array(sliceEndpointSchema)),
  ciliumEndpoints: part(z.array(ciliumEndpointStateSchema)),
  /** Of the agents' image. */
  ciliumVersion: part(z.string()).exactOptional(),
  /** Of the images of Cilium's programs, by container: `apiserver` to `1.19.1`. */
  programVersions: part(z.record(z.string(), z.array(z.string()))).exactOptional(),
  namespaces: part(z.array(namespaceStateSchema)).exactOptional(),
  ciliumIdentities: part(z.array(identityEntrySchema)).exactOptional(),
  slices: part(z.array(sliceStateSchema)).exactOptional(),
  serviceExports: part(z.array(objectNameSchema)).exactOptional(),
  nodeConfigs: part(z.array(nodeConfigSchema)).exactOptional(),
  cidrGroups: part(z.array(cidrGroupSchema)).exactOptional(),
  webhooks: part(z.array(webhookStateSchema)).exactOptional(),
  refusedRequests: part(z.array(refusedRequestSchema)).exactOptional(),
  crashes: part(z.array(crashSchema)).exactOptional(),
  kvstore: part(kvstoreStateSchema).exactOptional(),
  /** Of each replica that was read, where there are several: each has an etcd of its own. `kvstore` is the first. */
  kvstores: z.array(z.object({ pod: z.string(), state: kvstoreStateSchema })).exactOptional(),
  /** Unix time at which the collection of it began. */
  collectedMs: part(z.number()).exactOptional(),
  /** By the agents' logs, in an archive. */
  endpointChanges: part(z.array(endpointChangeSchema)).exactOptional(),
  /** Files of an archive that were skipped and are none of the parts here. */
  unreadFiles: part(z.array(unreadFileSchema)).exactOptional(),
  /**
   * What was created, changed or deleted while live evidence was collected: addresses of endpoints, names of services,
   * EndpointSlices and nodes, numbers of identities.
   */
  changing: part(z.array(z.string())).exactOptional(),
  policies: part(z.array(policyStateSchema)),
  policyObjects: part(z.array(policyObjectSchema)).exactOptional(),
  events: part(z.array(eventStateSchema)).exactOptional(),
  certificates: part(z.array(heldCertificateSchema)).exactOptional(),
  /** The users of its etcd for other clusters: common names of their client certificates. */
  meshUsers: part(z.array(z.string())).exactOptional(),
  /** The number of LoadBalancer IP pools; absent if it was not read. */
  loadBalancerPools: part(z.number()).exactOptional(),
  announcements: part(announcementsSchema).exactOptional(),
  /** Remote cluster to its endpoints. */
  peers: part(peersSchema),
  /** Of every replica, like the three below. */
  kvstoreMesh: part(z.array(kvstoreMeshStatusSchema)),
  /** The failed steps of each peer in KVStoreMesh's `troubleshoot`, in order. */
  kvstoreMeshTrouble: part(z.array(peerTroubleSchema)),
  kvstoreMeshPaths: part(z.array(peerPathSchema)).exactOptional(),
  kvstoreMeshWords: part(z.array(peerWordSchema)),
  /** Only of live clusters with probers. */
  sizes: part(sizesSchema).exactOptional(),
  /** Collected only where larger packets are lost, of nodes that are containers of this machine. */
  links: part(nodeLinksSchema).exactOptional(),
  agents: z.array(agentStateSchema),
  nodeStates: z.array(nodeInsideSchema),
});
export type ClusterSnapshot = Infer<typeof clusterSnapshotSchema>;

export const meshSnapshotSchema = z.object({ clusters: z.array(clusterSnapshotSchema) });
/** A whole mesh at one moment, from live clusters or from an archive: what `diagnose` judges. */
export type MeshSnapshot = Infer<typeof meshSnapshotSchema>;
