import { release } from "node:os";
import { kubernetesFor, pins } from "#harness/config/pins.ts";
import { mergeValues } from "#harness/config/plan.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { ProfileName } from "#harness/model/profile.ts";
import type { Difference, SourceCluster, SourceObject } from "#harness/model/source-environment.ts";
import { bare, isUsers, leftOut, mostReplicas, standIn, workloadsOf } from "./stand-ins.ts";

type Values = Record<string, unknown>;

/** A lab file, its kind Configs and its objects, by cluster; and how it differs from the source environment. */
export interface LabDraft {
  readonly profile: ProfileName;
  readonly serviceType: "LoadBalancer" | "NodePort";
  readonly clusters: readonly LabCluster[];
  readonly differences: readonly Difference[];
}

interface LabCluster {
  readonly name: string;
  readonly id: number;
  readonly kubernetes: string;
  readonly cilium: string;
  readonly kindConfig: Record<string, unknown>;
  readonly values: Values;
  readonly manifests: readonly Record<string, unknown>[];
}

/** Enough nodes to behave like a mesh, and few enough for a laptop. */
const mostWorkers = 2;

/** Chart values that the lab takes from the source; other values of the source are reported. */
const keptValues = [
  "routingMode",
  "tunnelProtocol",
  "ipam",
  "kubeProxyReplacement",
  "autoDirectNodeRoutes",
  "ipv4NativeRoutingCIDR",
  "ipv4",
  "ipv6",
  "bpf",
  "loadBalancer",
  "socketLB",
  "sessionAffinity",
  "policyEnforcementMode",
  "policyCIDRMatchMode",
  "enableIPv4Masquerade",
  "enableIPv6Masquerade",
  "identityAllocationMode",
  "endpointRoutes",
  "mtu",
  "MTU",
] as const;
const keptMeshValues = [
  "maxConnectedClusters",
  "policyDefaultLocalCluster",
  "enableEndpointSliceSynchronization",
  "mcsapi",
  "cacheTTL",
] as const;

/** Values that every lab sets itself, so that the source's setting has no effect. */
const labsOwn: Readonly<Record<string, string>> = {
  cluster: "",
  k8sServiceHost: "the lab's own API server",
  k8sServicePort: "the lab's own API server",
  tls: "keys are replaced by the lab's own",
  image: "images of the lab's own source",
  securityContext: "the lab's agents are privileged",
  operator: "one replica",
  envoy: "no Envoy in a lab",
  hubble: "off in a tuned lab, because it adds load",
  l2announcements: "on in every lab",
  externalIPs: "on in every lab",
  connectivityProbeFrequencyRatio: "0: the health matrix is probed more often",
  l7Proxy: "off: no Envoy where images are built",
};

/** Values that every lab sets; a source without them uses the chart's default. */
const notDefault: readonly string[] = [
  "connectivityProbeFrequencyRatio",
  "envoy",
  "externalIPs",
  "hubble",
  "l2announcements",
  "l7Proxy",
  "operator",
  "securityContext",
];

const meshsOwn: Readonly<Record<string, string>> = {
  useAPIServer: "set by the profile",
  config: "addresses and certificates of the lab's own clusters",
  apiserver: "the lab's own; its service type is listed above",
};

/** Values that the local kernel or image source does not support. */
const unmet: readonly {
  readonly path: string;
  readonly applies: (v: unknown) => boolean;
  readonly why: string;
}[] = [
  {
    path: "encryption.enabled",
    applies: (v) => v === true,
    why: "no WireGuard or IPsec in the local kernel",
  },
  {
    path: "tunnelProtocol",
    applies: (v) => v === "geneve",
    why: "no GENEVE in the local kernel: VXLAN instead",
  },
  {
    path: "kubeProxyReplacement",
    applies: (v) => v !== undefined && String(v) !== "true",
    why: "true: a lab's nodes have no kube-proxy",
  },
  { path: "bandwidthManager.enabled", applies: (v) => v === true, why: "no fq in the local kernel" },
  {
    path: "l7Proxy",
    applies: (v) => v === true,
    why: "no Envoy where images are built: L7 rules are unsupported",
  },
  {
    path: "bpf.datapathMode",
    applies: (v) => String(v).startsWith("netkit"),
    why: "no netkit in the local kernel: veth",
  },
];

export function labOf(source: readonly SourceCluster[]): LabDraft {
  const differences: Difference[] = [];
  const profile = profileOf(source);
  const serviceType = serviceTypeOf(found(source[0], "cluster in the source environment"));
  const clusters = source.map((c, i) =>
    labCluster(c, i, { profile, serviceType }, sayOf(c.name, differences)),
  );
  return { profile, serviceType, clusters, differences };
}

/** Notes what a cluster of the source has and the lab's has in its place. */
function sayOf(cluster: string, differences: Difference[]): Say {
  return (what, inSource, inLab, matters = "perhaps") => {
    const [a, b] = [textOf(inSource), textOf(inLab)];
    differences.push({
      cluster,
      field: what,
      inSource: a,
      inLab: b,
      difference: a === b ? "" : "differs",
      matters: a === b ? "no" : matters,
    });
  };
}

/** One cluster of the lab; `i` is its place in the source, for addresses that the source does not tell. */
function labCluster(
  c: SourceCluster,
  i: number,
  lab: Pick<LabDraft, "profile" | "serviceType">,
  say: Say,
): LabCluster {
  const id = known(
    c,
    "cluster id",
    c.id,
    `add its Helm values, or the ConfigMap cilium-config: ${shellQuote([`${c.name}=FILE`])}`,
  );
  const cilium = known(
    c,
    "Cilium version",
    c.cilium,
    `add its pods (kubectl get pods -A -o yaml): ${shellQuote([`${c.name}=FILE`])}`,
  );
  // Images are not published for versions with a vendor's suffix.
  const kubernetes = /^\d+\.\d+\.\d+/.exec(c.kubernetes ?? "")?.[0] ?? kubernetesFor(pins.cilium);
  const podCidr = c.podCidr ?? `10.${10 + i}.0.0/16`;
  const serviceCidr = c.serviceCidr ?? `10.${110 + i}.0.0/16`;
  const workers = Math.max(1, Math.min(c.workers, mostWorkers));
  say("cluster name", c.name, c.name);
  say("cluster id", id, id);
  say("Cilium", cilium, cilium);
  say("Kubernetes", c.kubernetes ?? "not known", kubernetes);
  say("pod CIDR", c.podCidr ?? "not known", podCidr);
  say("service CIDR", c.serviceCidr ?? "not known", serviceCidr);
  say("control plane nodes", c.controlPlanes === 0 ? "not known" : c.controlPlanes, 1, "no");
  say("worker nodes", c.workers === 0 ? "not known" : c.workers, workers);
  say("kernel", c.kernel ?? "not known", release());
  say("way of meshing", profileOf([c]), lab.profile, "yes");
  say("clustermesh-apiserver's service", serviceTypeOf(c), lab.serviceType);
  return {
    name: c.name,
    id,
    kubernetes,
    cilium,
    kindConfig: {
      kind: "Cluster",
      apiVersion: "kind.x-k8s.io/v1alpha4",
      name: c.name,
      networking: {
        podSubnet: podCidr,
        serviceSubnet: serviceCidr,
        disableDefaultCNI: true,
        kubeProxyMode: "none",
      },
      nodes: [{ role: "control-plane" }, ...Array.from({ length: workers }, () => ({ role: "worker" }))],
    },
    values: keep(c, say),
    manifests: manifestsOf(c, say),
  };
}

/** What a lab cannot be made without; throws `usage` where no file of the source tells it. */
function known<T>(cluster: SourceCluster, what: string, value: T | undefined, remedy: string): T {
  if (value !== undefined) return value;
  throw new MeshproofError(
    "usage",
    `${cluster.sources.join(", ")} does not contain the ${what} of ${cluster.name}`,
    { remedy },
  );
}

/** The objects that the lab's cluster gets: namespaces, stand-ins for workloads, services and policies. */
function manifestsOf(c: SourceCluster, say: Say): Record<string, unknown>[] {
  const users = [...c.services, ...c.policies].filter(isUsers);
  const workloads = workloadsOf(c);
  for (const w of workloads)
    say(
      `workload ${w.namespace}/${w.name}`,
      `${pods(w.replicas)} on port ${w.ports.map((p) => p.port).join(", ")}`,
      `an echo stand-in, ${pods(Math.min(w.replicas, mostReplicas))}`,
      w.replicas > mostReplicas ? "perhaps" : "no",
    );
  for (const o of users) {
    const l7 = JSON.stringify(o.spec ?? {}).includes('"rules":');
    const name = `${o.kind} ${o.metadata.namespace}/${o.metadata.name}`;
    const without = leftOut(o);
    if (l7) say(name, "with L7 rules", "the same object, with unsupported L7 rules", "yes");
    else if (without.length > 0) say(name, "as it is", `without ${without.join(", ")}`);
    else say(name, "as it is", "as it is");
  }
  for (const o of c.clusterwide)
    say(
      `${o.kind} ${o.metadata.name}`,
      "of the whole cluster",
      "left out, because it would affect the lab itself",
      "yes",
    );
  const namespaces = c.namespaces.filter(isUsers);
  const missing = [...new Set(users.flatMap((o) => o.metadata.namespace ?? []))].filter(
    (n) => !namespaces.some((m) => m.metadata.name === n),
  );
  return [
    ...namespaces.map(bare),
    ...missing.map((name): SourceObject => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    ...workloads.map(standIn),
    ...users.map(bare),
  ].map((o): Record<string, unknown> => ({ ...o }));
}

type Say = (what: string, inSource: unknown, inLab: unknown, matters?: Difference["matters"]) => void;

/** The values that the lab takes from a cluster; the source's other values are reported. */
function keep(cluster: SourceCluster, say: Say): Values {
  const own = mergeValues(fromConfig(cluster.config), cluster.values as Values);
  const mesh = (own.clustermesh ?? {}) as Values;
  const kept: Values = {};
  for (const key of keptValues) if (own[key] !== undefined) kept[key] = own[key];
  const keptMesh: Values = {};
  for (const key of keptMeshValues) if (mesh[key] !== undefined) keptMesh[key] = mesh[key];
  const apiserver = (mesh.apiserver ?? {}) as { kvstoremesh?: Values; replicas?: number };
  const keptApiserver: Values = {
    ...(apiserver.kvstoremesh?.enabled === undefined
      ? {}
      : { kvstoremesh: { enabled: apiserver.kvstoremesh.enabled } }),
    ...(apiserver.replicas === undefined ? {} : { replicas: apiserver.replicas }),
  };
  if (Object.keys(keptApiserver).length > 0) keptMesh.apiserver = keptApiserver;
  if (Object.keys(keptMesh).length > 0) kept.clustermesh = keptMesh;
  const mcs = (keptMesh.mcsapi as { enabled?: unknown } | undefined)?.enabled === true;
  if ((mcs || mesh.enableMCSAPISupport === true) && !isAtLeast(cluster.cilium ?? "", "1.19")) {
    delete keptMesh.mcsapi;
    say("MCS-API", "on", "off: before Cilium 1.19 nothing creates its CRDs", "yes");
  }
  for (const { path, applies, why } of unmet) {
    if (!applies(at(own, path))) continue;
    say(path, at(own, path), why, "yes");
    if (path === "tunnelProtocol") kept.tunnelProtocol = "vxlan";
    if (path === "kubeProxyReplacement") delete kept.kubeProxyReplacement;
    if (path === "bpf.datapathMode") kept.bpf = { ...(kept.bpf as Values), datapathMode: "veth" };
  }
  for (const key of Object.keys(own)) {
    if (key in kept || key === "clustermesh" || unmet.some((u) => u.path.split(".")[0] === key)) continue;
    if (key === "cluster") continue;
    const why = labsOwn[key];
    say(`value ${key}`, "set", why ?? "left out", why === undefined ? "perhaps" : "no");
  }
  for (const key of notDefault)
    if (own[key] === undefined) say(`value ${key}`, "the chart's default", labsOwn[key], "no");
  for (const key of Object.keys(mesh)) {
    if (key in keptMesh) continue;
    const why = meshsOwn[key];
    say(`value clustermesh.${key}`, "set", why ?? "left out", why === undefined ? "perhaps" : "no");
  }
  return kept;
}

/** Chart values derived from the agents' ConfigMap, if there are no Helm values. */
function fromConfig(config: Readonly<Record<string, string>>): Values {
  const text = (key: string, path: string): Values => {
    const value = config[key];
    if (value === undefined || value === "") return {};
    const typed =
      value === "true" ? true : value === "false" ? false : /^\d+$/.test(value) ? Number(value) : value;
    return path.split(".").reduceRight<unknown>((inner, part) => ({ [part]: inner }), typed) as Values;
  };
  const pools = (config["cluster-pool-ipv4-cidr"] ?? "").split(/[\s,]+/).filter((c) => c !== "");
  return [
    pools.length === 0 ? {} : { ipam: { operator: { clusterPoolIPv4PodCIDRList: pools } } },
    text("routing-mode", "routingMode"),
    text("tunnel-protocol", "tunnelProtocol"),
    text("ipam", "ipam.mode"),
    text("enable-policy", "policyEnforcementMode"),
    text("max-connected-clusters", "clustermesh.maxConnectedClusters"),
    text("policy-default-local-cluster", "clustermesh.policyDefaultLocalCluster"),
    text("clustermesh-cache-ttl", "clustermesh.cacheTTL"),
    text("clustermesh-enable-endpoint-sync", "clustermesh.enableEndpointSliceSynchronization"),
    text("clustermesh-enable-mcs-api", "clustermesh.mcsapi.enabled"),
    text("auto-direct-node-routes", "autoDirectNodeRoutes"),
    text("ipv4-native-routing-cidr", "ipv4NativeRoutingCIDR"),
  ].reduce(mergeValues, {});
}

function at(values: Values, path: string): unknown {
  return path.split(".").reduce<unknown>((v, part) => (v as Values | undefined)?.[part], values);
}

/** Clusters without a clustermesh-apiserver publish their state through an etcd. */
function profileOf(source: readonly SourceCluster[]): ProfileName {
  const apiserver = (c: SourceCluster): boolean =>
    at(c.values as Values, "clustermesh.useAPIServer") === true ||
    c.services.some((s) => s.metadata.name === "clustermesh-apiserver");
  return source.every((c) => !apiserver(c) && at(c.values as Values, "etcd.enabled") === true)
    ? "external-etcd"
    : "default";
}

function serviceTypeOf(c: SourceCluster): "LoadBalancer" | "NodePort" {
  const exposed = c.services.find((s) => s.metadata.name === "clustermesh-apiserver")?.spec?.type;
  const type = exposed ?? at(c.values as Values, "clustermesh.apiserver.service.type");
  return type === "LoadBalancer" ? "LoadBalancer" : "NodePort";
}

const pods = (n: number): string => (n === 1 ? "1 pod" : `${n} pods`);

const textOf = (value: unknown): string =>
  typeof value === "object" ? JSON.stringify(value) : String(value);
