import { z } from "zod";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { messageOf } from "#harness/lib/errors.ts";
import type {
  KvstoreState,
  SharedAddress,
  SharedClusterConfig,
  SharedNode,
  SharedPort,
  SharedService,
  SharedSlice,
} from "#harness/model/shared-state.ts";
import { kvstoreLabels } from "#harness/semantics/identity-labels.ts";
import { readClusterSlice } from "./cluster-slice.ts";
import { rawEntriesUnder } from "./kvstore.ts";

/** Everything that agents read of a kvstore is below this. */
export const sharedPrefix = "cilium/";

/** What a live cluster's kvstore holds. */
export const kvstoreState = async (cluster: Cluster): Promise<KvstoreState> =>
  readKvstore(await rawEntriesUnder(cluster, sharedPrefix));

type Writable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };
type WritableShared = Writable<KvstoreState["own"]>;

const emptyShared = (): WritableShared => ({
  nodes: [],
  addresses: [],
  identities: [],
  services: [],
  slices: [],
  exports: [],
});

/**
 * Reads the keys under `cilium/` (the keys here are without it): `state/KIND/v1/...` is the cluster's own, and
 * `cache/KIND/v1/CLUSTER/...` is a copy by KVStoreMesh (`StateToCachePrefix`, pkg/kvstore/kvstore.go@1.20.2). A value
 * that agents would refuse is listed, with the reason, and nowhere else.
 */
export function readKvstore(entries: Iterable<readonly [string, Uint8Array]>): KvstoreState {
  const own = emptyShared();
  // Not objects: an archive may name a cluster `__proto__`.
  const caches = new Map<string, WritableShared>();
  const configs = new Map<string, SharedClusterConfig>();
  const malformed: { key: string; why: string }[] = [];
  const synced: string[] = [];
  for (const [key, value] of entries) {
    const [origin, kind = "", version, ...rest] = key.split("/");
    try {
      if (origin === "synced") synced.push(key.slice("synced/".length));
      else if (origin === "cluster-config") configs.set(kind, readConfig(text(value)));
      else if (version === "v1" && origin === "state") readInto(own, kind, ownPath(kind, rest), value);
      else if (version === "v1" && origin === "cache") {
        const cluster = rest[0] ?? "";
        const cache = caches.get(cluster) ?? emptyShared();
        caches.set(cluster, cache);
        readInto(cache, kind, cachePath(kind, rest), value);
      }
    } catch (error) {
      malformed.push({ key: `${sharedPrefix}${key}`, why: messageOf(error) });
    }
  }
  return {
    ...{ own, caches: Object.fromEntries(caches), configs: Object.fromEntries(configs) },
    ...{ malformed, synced },
  };
}

/** `state/ip/v1/default/ADDRESS`, `state/identities/v1/id/NUMBER`; the other kinds begin with the cluster's name. */
const ownPath = (kind: string, rest: readonly string[]): readonly string[] | undefined =>
  kind === "ip"
    ? under("default", rest)
    : // In kvstore identity mode there are keys under `value/` too, which point to these.
      kind === "identities"
      ? under("id", rest)
      : rest;

/** `cache/ip/v1/CLUSTER/ADDRESS`, `cache/identities/v1/CLUSTER/id/NUMBER`. */
const cachePath = (kind: string, rest: readonly string[]): readonly string[] | undefined =>
  kind === "ip" ? rest.slice(1) : kind === "identities" ? under("id", rest.slice(1)) : rest;

const under = (folder: string, [first, ...rest]: readonly string[]): readonly string[] | undefined =>
  first === folder ? rest : undefined;

function readInto(
  shared: WritableShared,
  kind: string,
  path: readonly string[] | undefined,
  value: Uint8Array,
): void {
  if (path === undefined) return;
  const name = path.join("/");
  if (kind === "nodes") shared.nodes.push(readNode(name, text(value)));
  else if (kind === "ip") shared.addresses.push(readAddress(name, text(value)));
  else if (kind === "identities")
    shared.identities.push({ id: numberOf(name), labels: kvstoreLabels(text(value)) });
  else if (kind === "services") shared.services.push(readService(name, text(value)));
  else if (kind === "endpointslices") shared.slices.push(readSlice(name, value));
  else if (kind === "serviceexports") shared.exports.push(readExport(name, text(value)));
}

const decoder = new TextDecoder();
const text = (value: Uint8Array): string => decoder.decode(value);

function numberOf(name: string): number {
  if (!/^\d+$/.test(name)) throw new Error("the key is no number");
  return Number(name);
}

/** Agents refuse a value of another key (`Unmarshal` and the validators of each kind's key). */
function ofKey<T>(name: string, own: string, value: T): T {
  if (own !== name) throw new Error(`it is of ${own}`);
  return value;
}

const configSchema = z.object({
  id: z.number(),
  capabilities: z
    .object({
      maxConnectedClusters: z.number().default(255),
      endpointSlicesExportMode: z.string().default(""),
    })
    .prefault({}),
});

function readConfig(json: string): SharedClusterConfig {
  const { id, capabilities } = configSchema.parse(JSON.parse(json));
  return {
    id,
    maxConnectedClusters: capabilities.maxConnectedClusters,
    slicesMode: capabilities.endpointSlicesExportMode,
  };
}

const goCidr = z.object({ IP: z.string(), Mask: z.string() });
const nodeSchema = z.object({
  Name: z.string(),
  Cluster: z.string(),
  ClusterID: z.number().default(0),
  IPAddresses: z.array(z.object({ Type: z.string(), IP: z.string() })).nullish(),
  IPv4AllocCIDR: goCidr.nullish(),
  IPv4SecondaryAllocCIDRs: z.array(goCidr).nullish(),
  IPv6AllocCIDR: goCidr.nullish(),
  IPv6SecondaryAllocCIDRs: z.array(goCidr).nullish(),
  IPv4HealthIP: z.string().default(""),
  IPv6HealthIP: z.string().default(""),
  IPv4IngressIP: z.string().default(""),
  IPv6IngressIP: z.string().default(""),
  WireguardPubKey: z.string().default(""),
});

/** Go's `net.IPNet` in JSON: the mask is base64. */
function cidrText({ IP, Mask }: z.infer<typeof goCidr>): string {
  const bits = [...Buffer.from(Mask, "base64")].reduce(
    (sum, byte) => sum + byte.toString(2).replaceAll("0", "").length,
    0,
  );
  return `${IP}/${bits}`;
}

function readNode(name: string, json: string): SharedNode {
  const node = nodeSchema.parse(JSON.parse(json));
  const cidrs = [
    node.IPv4AllocCIDR,
    ...(node.IPv4SecondaryAllocCIDRs ?? []),
    node.IPv6AllocCIDR,
    ...(node.IPv6SecondaryAllocCIDRs ?? []),
  ];
  return ofKey(name, `${node.Cluster}/${node.Name}`, {
    name,
    clusterId: node.ClusterID,
    addresses: (node.IPAddresses ?? []).map((a) => ({ type: a.Type, ip: a.IP })),
    podCidrs: cidrs.flatMap((c) => (c === null || c === undefined ? [] : [cidrText(c)])),
    healthIps: [node.IPv4HealthIP, node.IPv6HealthIP].filter((ip) => ip !== ""),
    ingressIps: [node.IPv4IngressIP, node.IPv6IngressIP].filter((ip) => ip !== ""),
    ...(node.WireguardPubKey === "" ? {} : { wireguardKey: node.WireguardPubKey }),
  });
}

const addressSchema = z.object({
  IP: z.string(),
  Mask: z.string().nullish(),
  HostIP: z.string().nullish(),
  ID: z.number().default(0),
  K8sNamespace: z.string().default(""),
  K8sPodName: z.string().default(""),
});

function readAddress(name: string, json: string): SharedAddress {
  const pair = addressSchema.parse(JSON.parse(json));
  const own = pair.Mask ? cidrText({ IP: pair.IP, Mask: pair.Mask }) : pair.IP;
  return ofKey(name, own, {
    ip: name,
    identity: pair.ID,
    hostIp: pair.HostIP ?? "",
    namespace: pair.K8sNamespace,
    pod: pair.K8sPodName,
  });
}

const l4Schema = z.object({ Protocol: z.string(), Port: z.number() });
const portsSchema = z.record(z.string(), z.record(z.string(), l4Schema.nullable()).nullable()).nullish();
const serviceSchema = z.object({
  cluster: z.string(),
  namespace: z.string(),
  name: z.string(),
  clusterID: z.number().default(0),
  frontends: portsSchema,
  backends: portsSchema,
});

const portsOf = (ports: z.infer<typeof portsSchema>): Record<string, SharedPort[]> =>
  Object.fromEntries(
    Object.entries(ports ?? {}).map(([ip, named]) => [
      ip,
      Object.entries(named ?? {}).flatMap(([name, l4]) =>
        l4 === null ? [] : [{ name, protocol: l4.Protocol, port: l4.Port }],
      ),
    ]),
  );

function readService(name: string, json: string): SharedService {
  const service = serviceSchema.parse(JSON.parse(json));
  return ofKey(name, `${service.cluster}/${service.namespace}/${service.name}`, {
    name,
    clusterId: service.clusterID,
    frontends: portsOf(service.frontends),
    backends: portsOf(service.backends),
  });
}

const sliceSchema = z.object({
  cluster: z.string(),
  namespace: z.string(),
  name: z.string(),
  clusterID: z.number().default(0),
  labels: z.record(z.string(), z.string()).nullish(),
  endpoints: z
    .array(
      z.object({
        addresses: z.array(z.string()).nullish(),
        conditions: z.object({ serving: z.boolean().nullish() }).nullish(),
      }),
    )
    .nullish(),
});

/** A kvstore has them as compressed protobuf, which `kvstore list` of Cilium prints as JSON. */
function readSlice(name: string, value: Uint8Array): SharedSlice {
  if (value[0] !== "{".charCodeAt(0)) {
    const { clusterId, service, addresses, serving } = readClusterSlice(name, value);
    return { name, clusterId, service, addresses: [...addresses], serving };
  }
  const slice = sliceSchema.parse(JSON.parse(text(value)));
  const endpoints = slice.endpoints ?? [];
  return ofKey(name, `${slice.cluster}/${slice.namespace}/${slice.name}`, {
    name,
    clusterId: slice.clusterID,
    service: slice.labels?.["kubernetes.io/service-name"] ?? "",
    addresses: endpoints.flatMap((e) => e.addresses ?? []).sort(),
    serving: endpoints.filter((e) => e.conditions?.serving !== false).length,
  });
}

const exportSchema = z.object({ cluster: z.string(), namespace: z.string(), name: z.string() });

function readExport(name: string, json: string): { name: string } {
  const own = exportSchema.parse(JSON.parse(json));
  return ofKey(name, `${own.cluster}/${own.namespace}/${own.name}`, { name });
}

/** Whether a cluster says that it marks what is complete (`SyncedCanaries`, pkg/clustermesh/types/types.go@1.20.2). */
const isMarked = (config: string): boolean => /"syncedCanaries"\s*:\s*true/.test(config);

/**
 * The output of `clustermesh-apiserver clustermesh-dbg kvstore list` or `cilium-dbg kvstore get --recursive`, as a
 * sysdump keeps it: `# KEY` and the value on the next line. Throws if the list is cut off, because what it lacks would look
 * as if the kvstore lacked it.
 */
export function readKvstoreList(list: string): KvstoreState {
  const entries: [string, Uint8Array][] = [];
  const lines = list.split("\n");
  const last = lines.pop();
  if (last !== "") throw new Error("it is cut off: its last line has no end");
  if (lines.at(-1)?.startsWith("# ") === true) throw new Error("it is cut off: its last key has no value");
  for (const [i, line] of lines.entries())
    if (line.startsWith(`# ${sharedPrefix}`))
      entries.push([line.slice(`# ${sharedPrefix}`.length), Buffer.from(lines[i + 1] ?? "")]);
  // Keys are sorted, and these are the last; a cluster's writer sets its own after all others.
  const marks = entries.some(([key, value]) => key.startsWith("cluster-config/") && isMarked(text(value)));
  if (marks && !entries.some(([key]) => key.startsWith("synced/")))
    throw new Error("it is cut off, or its writer has not finished: it has no key under cilium/synced/");
  return readKvstore(entries);
}
