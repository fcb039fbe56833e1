import { hasCondition, isEnded } from "#harness/kube/conditions.ts";
import { isMirrored } from "#harness/kube/endpoint-slices.ts";
import type { KubeObject } from "#harness/kube/kube.ts";
import { given } from "#harness/lib/given.ts";
import type {
  CidrGroup,
  CiliumEndpointState,
  CiliumNodeState,
  ContainerState,
  EventState,
  NamespaceState,
  NodeConfig,
  NodeState,
  PodState,
  ServiceState,
  SliceState,
} from "#harness/model/mesh-snapshot.ts";
import type { SharedPort } from "#harness/model/shared-state.ts";
import type { IdentityEntry } from "#harness/model/snapshot.ts";
import { labelTexts } from "#harness/semantics/identity-labels.ts";
import { balancerState } from "./announcements.ts";
import { deletionState, nodeTroubles, readySince } from "./object-conditions.ts";

// Objects of an API server, live or from an archive, as far as snapshots and expectations use them.

interface Resources {
  limits?: { memory?: string | number } | null;
}

interface ContainerStatus {
  name: string;
  image?: string;
  ready: boolean;
  restartCount: number;
  resources?: Resources | null;
  state?: { waiting?: { reason?: string; message?: string }; terminated?: Terminated };
  lastState?: { terminated?: Terminated };
}

interface Terminated {
  reason?: string;
  exitCode?: number;
  finishedAt?: string | Date;
}

/** How it ended: its present state, or the run before. */
function endOf({ state, lastState }: ContainerStatus): Pick<ContainerState, "ended"> {
  const end = state?.terminated ?? lastState?.terminated;
  if (end?.exitCode === undefined) return {};
  const atMs = Date.parse(String(end.finishedAt ?? ""));
  return {
    ended: { reason: end.reason ?? "", code: end.exitCode, ...(Number.isNaN(atMs) ? {} : { atMs }) },
  };
}

/** In force, which the status says where it may be changed in place (Kubernetes 1.33), or in its specification. */
function memoryLimitOf(
  { name, resources }: ContainerStatus,
  { spec }: KubeObject,
): Pick<ContainerState, "memoryLimit"> {
  const containers: readonly Container[] = spec?.containers ?? [];
  const own = containers.find((c) => c.name === name)?.resources;
  const limit = resources?.limits?.memory ?? own?.limits?.memory;
  return limit === undefined ? {} : { memoryLimit: String(limit) };
}

/** Containers that wait, those for initialisation first, and why no node takes the pod. */
function startState(status: KubeObject["status"]): Pick<PodState, "waiting" | "unscheduled"> {
  const { initContainerStatuses = [], containerStatuses = [], conditions = [] } = status ?? {};
  const waiting = [
    ...(initContainerStatuses as ContainerStatus[]),
    ...(containerStatuses as ContainerStatus[]),
  ].flatMap(({ name, image = "", state }) =>
    state?.waiting === undefined
      ? []
      : [
          {
            container: name,
            image,
            reason: state.waiting.reason ?? "",
            message: state.waiting.message ?? "",
          },
        ],
  );
  const refused = (conditions as { type?: string; status?: string; message?: string }[]).find(
    (c) => c.type === "PodScheduled" && c.status === "False",
  )?.message;
  return {
    ...(waiting.length === 0 ? {} : { waiting }),
    ...(refused === undefined ? {} : { unscheduled: refused }),
  };
}

const messageLimit = 2000;

/** A warning, or nothing for any other event; the time is that of its last occurrence. */
export function eventState(o: KubeObject): EventState[] {
  if (o.type !== "Warning") return [];
  const { involvedObject: about, reason, message, lastTimestamp, eventTime, series } = o;
  const { namespace = "", kind = "", name = "" } = (about ?? {}) as Readonly<Record<string, string>>;
  const at = series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? "";
  return [
    {
      ...{ namespace, kind, name, at: at instanceof Date ? at.toISOString() : String(at) },
      reason: String(reason ?? ""),
      message: String(message ?? "").slice(0, messageLimit),
    },
  ];
}

type Addresses = readonly { readonly type: string; readonly address: string }[];

export function nodeState(o: KubeObject): NodeState {
  const os = o.metadata.labels?.["kubernetes.io/os"];
  return {
    name: o.metadata.name,
    address: ((o.status?.addresses ?? []) as Addresses).find((a) => a.type === "InternalIP")?.address ?? "",
    podCidr: String(o.spec?.podCIDR ?? ""),
    ready: hasCondition(o, "Ready"),
    ...(os === undefined ? {} : { os }),
    ...(o.metadata.labels === undefined ? {} : { labels: o.metadata.labels }),
    ...nodeTroubles(o),
  };
}

export function ciliumNodeState(o: KubeObject): CiliumNodeState {
  const { addresses = [], health = {}, ingress = {}, ipam = {} } = o.spec ?? {};
  const pools = (ipam.pools?.allocated ?? []) as { cidrs?: string[] }[];
  const present = (ips: readonly unknown[]): string[] => ips.map((ip) => String(ip ?? "")).filter(Boolean);
  return {
    name: o.metadata.name,
    podCidrs: [...((ipam.podCIDRs ?? []) as string[]), ...pools.flatMap((p) => p.cidrs ?? [])],
    addresses: (addresses as { type?: string; ip?: string }[]).map((a) => ({
      type: String(a.type ?? ""),
      ip: String(a.ip ?? ""),
    })),
    healthIps: present([health.ipv4, health.ipv6]),
    ingressIps: present([ingress.ipv4, ingress.ipv6]),
    encryptionKey: Number(o.spec?.encryption?.key ?? 0),
    ...wireguardKeyOf(o),
  };
}

/** `WireguardPubKey` and its older name, pkg/annotation/k8s.go@1.20.2. */
function wireguardKeyOf({
  metadata: { annotations = {} },
}: KubeObject): Pick<CiliumNodeState, "wireguardKey"> {
  const key =
    annotations["network.cilium.io/wg-pub-key"] ?? annotations["io.cilium.network.wg-pub-key"] ?? "";
  return key === "" ? {} : { wireguardKey: key };
}

export const namespaceState = (o: KubeObject): NamespaceState => ({
  name: o.metadata.name,
  annotations: o.metadata.annotations ?? {},
  ...deletionState(o),
});

export function identityState(o: KubeObject): IdentityEntry {
  const labels = (o["security-labels"] ?? {}) as Record<string, string>;
  const markedMs = Date.parse(o.metadata.annotations?.["io.cilium.heartbeat"] ?? "");
  return {
    id: Number(o.metadata.name),
    labels: labelTexts(Object.entries(labels)),
    ...(Number.isNaN(markedMs) ? {} : { markedMs }),
  };
}

export function podState(o: KubeObject): PodState {
  const ips = ((o.status?.podIPs ?? []) as { ip?: string }[]).flatMap((p) => p.ip ?? []);
  return {
    namespace: o.metadata.namespace ?? "",
    name: o.metadata.name,
    node: String(o.spec?.nodeName ?? ""),
    ip: String(o.status?.podIP ?? ""),
    ...(ips.length === 0 ? {} : { ips }),
    hostNetwork: o.spec?.hostNetwork === true,
    ready: hasCondition(o, "Ready"),
    ...readySince(o),
    ...startOf(o),
    ending: o.metadata.deletionTimestamp !== undefined,
    ended: isEnded(o.status?.phase),
    labels: o.metadata.labels ?? {},
    containers: ((o.status?.containerStatuses ?? []) as ContainerStatus[]).map((c) => ({
      name: c.name,
      ready: c.ready,
      restarts: c.restartCount,
      trouble: c.state?.waiting?.reason ?? c.state?.terminated?.reason ?? "",
      ...endOf(c),
      ...memoryLimitOf(c, o),
    })),
    ...startState(o.status),
    ...declaredPorts(o),
  };
}

function startOf({ status }: KubeObject): Pick<PodState, "startedMs"> {
  const startedMs = Date.parse(String(status?.startTime ?? ""));
  return Number.isNaN(startedMs) ? {} : { startedMs };
}

interface Container {
  readonly name?: string;
  readonly resources?: Resources | null;
  readonly ports?:
    | readonly { readonly name?: string; readonly protocol?: string; readonly containerPort?: number }[]
    | null;
  readonly restartPolicy?: string;
}

/**
 * Where the name of a target port is looked up: containers and sidecars (`FindPort`,
 * k8s.io/kubernetes/pkg/api/v1/pod/util.go). Evidence of earlier versions has no containers of other users' pods.
 */
function declaredPorts({ spec }: KubeObject): Pick<PodState, "ports"> {
  if (spec?.containers === undefined) return {};
  const sidecars = ((spec.initContainers ?? []) as Container[]).filter((c) => c.restartPolicy === "Always");
  const ports = [...(spec.containers as Container[]), ...sidecars].flatMap((c) => c.ports ?? []);
  return { ports: ports.map(({ containerPort: port = 0, ...named }) => portOf({ ...named, port })) };
}

export function nodeConfigState(o: KubeObject): NodeConfig {
  const { nodeSelector = {}, defaults = {} } = o.spec ?? {};
  const texts = Object.entries(defaults as Record<string, unknown>).map(([key, v]) => [key, String(v)]);
  return {
    namespace: o.metadata.namespace ?? "",
    name: o.metadata.name,
    selector: nodeSelector as NodeConfig["selector"],
    defaults: Object.fromEntries(texts),
  };
}

export function cidrGroupState({ metadata, spec }: KubeObject): CidrGroup {
  const { externalCIDRs } = spec ?? {};
  const cidrs: readonly unknown[] = Array.isArray(externalCIDRs) ? externalCIDRs : [];
  return { name: metadata.name, labels: metadata.labels ?? {}, cidrs: cidrs.map(String) };
}

interface Port {
  readonly name?: string;
  readonly protocol?: string;
  readonly port?: number;
  readonly nodePort?: number;
  readonly targetPort?: number | string;
}

const portOf = ({ name = "", protocol = "TCP", port = 0 }: Port): SharedPort => ({ name, protocol, port });

/** Kubernetes' annotations for topology-aware routing, the older one first. */
const topologyKeys = ["service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"];

export function serviceState(o: KubeObject): ServiceState {
  const annotations = o.metadata.annotations ?? {};
  const ports = (o.spec?.ports ?? []) as Port[];
  const clusterIp = String(o.spec?.clusterIP ?? "");
  const clusterIps = (o.spec?.clusterIPs ?? (clusterIp === "" ? [] : [clusterIp])) as string[];
  const hint = topologyKeys.map((k) => annotations[k]).find((v) => v !== undefined) ?? "";
  return {
    namespace: o.metadata.namespace ?? "",
    name: o.metadata.name,
    type: String(o.spec?.type ?? "ClusterIP"),
    clusterIp,
    loadBalancerIp: String(o.status?.loadBalancer?.ingress?.[0]?.ip ?? ""),
    ...given({ loadBalancerName: o.status?.loadBalancer?.ingress?.[0]?.hostname }),
    annotations,
    selector: (o.spec?.selector ?? {}) as Record<string, string>,
    outerPorts: ports.flatMap((p) => [
      ...(p.nodePort === undefined ? [] : [p.nodePort]),
      ...(o.spec?.type === "LoadBalancer" && p.port !== undefined ? [p.port] : []),
    ]),
    labels: o.metadata.labels ?? {},
    clusterIps,
    addresses: [
      ...clusterIps,
      ...((o.status?.loadBalancer?.ingress ?? []) as { ip?: string }[]).flatMap((i) => i.ip ?? []),
      ...((o.spec?.externalIPs ?? []) as string[]),
    ].filter((ip) => ip !== "" && ip !== "None"),
    ports: ports.map(portOf),
    internalLocal: o.spec?.internalTrafficPolicy === "Local",
    externalLocal: o.spec?.externalTrafficPolicy === "Local",
    targetPorts: ports.map(({ port = 0, targetPort }) => targetPort ?? port),
    topology: o.spec?.trafficDistribution !== undefined || !["", "disabled", "Disabled"].includes(hint),
    ...balancerState(o),
  };
}

interface SliceEndpoint {
  readonly addresses?: readonly string[];
  readonly nodeName?: string;
  readonly conditions?: {
    readonly ready?: boolean;
    readonly serving?: boolean;
    readonly terminating?: boolean;
  };
}

export function sliceState(o: KubeObject): SliceState {
  const { namespace = "", name, labels = {}, annotations = {} } = o.metadata;
  return {
    namespace,
    name,
    service: labels["kubernetes.io/service-name"] ?? "",
    mirrored: isMirrored(o),
    addressType: String(o.addressType ?? ""),
    labels,
    annotations,
    // A port without a number is one that Cilium leaves out.
    ports: ((o.ports ?? []) as Port[]).filter((p) => typeof p.port === "number").map(portOf),
    endpoints: ((o.endpoints ?? []) as SliceEndpoint[]).map((e) => ({
      addresses: [...(e.addresses ?? [])],
      node: e.nodeName ?? "",
      ready: e.conditions?.ready !== false,
      serving: e.conditions?.serving !== false,
      terminating: e.conditions?.terminating === true,
    })),
  };
}

/** One entry for each IPv4 address. */
export function ciliumEndpointStates(o: KubeObject): CiliumEndpointState[] {
  const { networking, identity } = o.status ?? {};
  const hostIp = networking?.node as string | undefined;
  const createdMs = Date.parse(o.metadata.creationTimestamp ?? "");
  return ((networking?.addressing ?? []) as { ipv4?: string; ipv6?: string }[])
    .filter((a) => a.ipv4 !== undefined)
    .map(({ ipv4 = "", ipv6 }) => ({
      namespace: o.metadata.namespace ?? "",
      name: o.metadata.name,
      ip: ipv4,
      ...(ipv6 === undefined ? {} : { ipv6 }),
      identity: Number(identity?.id ?? 0),
      ...(hostIp === undefined ? {} : { hostIp }),
      ...(Number.isNaN(createdMs) ? {} : { createdMs }),
    }));
}

/** The version of an agent's image, `1.19.4`; undefined if its tag is no version. */
export const versionOfAgents = (pods: readonly KubeObject[]): string | undefined =>
  versionsIn(
    pods.filter((p) => p.metadata.labels?.["k8s-app"] === "cilium"),
    "cilium-agent",
  )[0];

/** The versions of a container's images; those whose tag is no version are left out. */
const versionsIn = (pods: readonly KubeObject[], container: string): string[] =>
  pods
    .flatMap((p) => (p.spec?.containers ?? []) as { name: string; image?: string }[])
    .flatMap((c) =>
      c.name === container ? (/:v?(\d+\.\d+\.\d+(?:-[\w.]+)?)(?:@|$)/.exec(c.image ?? "")?.[1] ?? []) : [],
    );

/** The containers of Cilium's own programs, by the label of their pods (`k8s-app`, of the operator `io.cilium/app`). */
const programs = [
  ["cilium-agent", "cilium"],
  ["cilium-operator", "operator"],
  ["apiserver", "clustermesh-apiserver"],
  ["kvstoremesh", "clustermesh-apiserver"],
] as const;

/** The versions of Cilium's programs that run in a cluster, each once, by container; empty of one whose images have none. */
export const programVersions = (pods: readonly KubeObject[]): Record<string, string[]> =>
  Object.fromEntries(
    programs.map(([container, app]) => {
      const own = pods.filter(({ metadata: { labels = {}, deletionTimestamp }, status }) => {
        const isOf = [labels["k8s-app"], labels["io.cilium/app"]].includes(app);
        return isOf && deletionTimestamp === undefined && !isEnded(status?.phase);
      });
      return [container, [...new Set(versionsIn(own, container))].sort()];
    }),
  );
