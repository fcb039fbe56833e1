import { mergeValues } from "#harness/config/plan.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { SourceCluster } from "#harness/model/source-environment.ts";
import { valuesRefused } from "#harness/semantics/chart-refusals.ts";
import { ignoredValues, removedKeys } from "#harness/semantics/ignored-values.ts";
import { fromConfig, tellConfig } from "./from-config.ts";
import { agentKeeps } from "./masqueraded-pods.ts";
import { cloudModes } from "./pod-network.ts";
import type { Say } from "./say.ts";
import { tellServiceProxy } from "./service-proxy.ts";
import { readsOldMcsApi, settingsOf } from "./source-settings.ts";
import { at, isPlaceholder } from "./values-at.ts";

type Values = Record<string, unknown>;

/** Chart values that the lab takes from the source; other values of the source are reported. */
const keptValues = [
  "routingMode",
  "tunnelProtocol",
  "tunnelPort",
  "kubeProxyReplacement",
  "autoDirectNodeRoutes",
  "ipv4NativeRoutingCIDR",
  "ipv6NativeRoutingCIDR",
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
  "labels",
  "ciliumEndpointSlice",
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
  "defaultGlobalNamespace",
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

/** Values that only place, size or name Cilium's own pods, or that Kubernetes' tools read. */
const withoutEffect = new Set([
  ...["affinity", "nodeSelector", "tolerations", "resources", "priorityClassName", "imagePullSecrets"],
  ...["podAnnotations", "podLabels", "commonLabels", "annotations", "updateStrategy", "rollOutCiliumPods"],
  ...[
    "terminationGracePeriodSeconds",
    "prometheus",
    "dashboards",
    "serviceAccounts",
    "rbac",
    "debug",
    "global",
  ],
  ...["livenessProbe", "readinessProbe", "startupProbe", "initResources", "certgen", "cni", "preflight"],
  ...["upgradeCompatibility", "namespaceOverride", "name", "resourceQuotas", "enableCriticalPriorityClass"],
]);

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

interface Unmet {
  readonly path: string;
  readonly applies: (value: unknown) => boolean;
  readonly why: string;
  /** Takes the place of the value among those kept. */
  readonly instead?: Values;
}

const isOn = (v: unknown): boolean => v === true;
const isSet = (v: unknown): boolean =>
  v !== undefined && v !== false && v !== "" && v !== "none" && v !== "disabled";

/** Values that no lab can have: of a cloud, of the kernel, or of images that are not built. */
const unmet: readonly Unmet[] = [
  { path: "eni.enabled", applies: isOn, why: "no ENIs: addresses come from the lab's own CIDR" },
  {
    path: "azure.enabled",
    applies: isOn,
    why: "no Azure interfaces: addresses come from the lab's own CIDR",
  },
  {
    path: "alibabacloud.enabled",
    applies: isOn,
    why: "no cloud interfaces: addresses come from the lab's own CIDR",
  },
  { path: "gke.enabled", applies: isOn, why: "no GKE: nodes are containers on one network" },
  { path: "aksbyocni.enabled", applies: isOn, why: "no AKS: nodes are containers on one network" },
  { path: "nodeinit.enabled", applies: isOn, why: "off: it changes a cloud's nodes" },
  { path: "cni.chainingMode", applies: isSet, why: "none: Cilium is the only CNI of a lab" },
  { path: "cni.chainingTarget", applies: isSet, why: "none: Cilium is the only CNI of a lab" },
  { path: "encryption.enabled", applies: isOn, why: "off: no WireGuard or IPsec in the local kernel" },
  {
    path: "tunnelProtocol",
    applies: (v) => v === "geneve",
    why: "vxlan: no GENEVE in the local kernel",
    instead: { tunnelProtocol: "vxlan" },
  },
  { path: "bandwidthManager.enabled", applies: isOn, why: "off: no fq in the local kernel" },
  {
    path: "l7Proxy",
    applies: isOn,
    why: "off: no Envoy where images are built, so L7 rules are unsupported",
  },
  { path: "ingressController.enabled", applies: isOn, why: "off: no Envoy where images are built" },
  { path: "gatewayAPI.enabled", applies: isOn, why: "off: no Envoy where images are built" },
  { path: "authentication.mutual.spire.enabled", applies: isOn, why: "off: no SPIRE" },
  { path: "bgpControlPlane.enabled", applies: isOn, why: "off: no BGP peer" },
  { path: "egressGateway.enabled", applies: isOn, why: "off: no gateway nodes" },
  { path: "hostFirewall.enabled", applies: isOn, why: "off: it would shut the lab's own nodes" },
  { path: "enableIPv4BIGTCP", applies: isOn, why: "off: the local network has no BIG TCP" },
  { path: "enableIPv6BIGTCP", applies: isOn, why: "off: the local network has no BIG TCP" },
  {
    path: "bpf.datapathMode",
    applies: (v) => String(v).startsWith("netkit"),
    why: "veth: no netkit in the local kernel",
    instead: { bpf: { datapathMode: "veth" } },
  },
  {
    path: "loadBalancer.acceleration",
    applies: isSet,
    why: "disabled: no XDP driver in the local network",
    instead: { loadBalancer: { acceleration: "disabled" } },
  },
];

/** The native routing CIDR of a lab whose source has none. */
export const rangeOfLabs = "10.0.0.0/8";

/** Old words of the chart for `true`. */
const replacesKubeProxy = ["true", "strict"];

/** The values that the lab takes from a cluster; the source's other values are reported. */
export function keep(cluster: SourceCluster, say: Say): Values {
  const own = ownValues(cluster);
  const mesh = (own.clustermesh ?? {}) as Values;
  const kept: Values = {};
  for (const key of keptValues) if (own[key] !== undefined) kept[key] = own[key];
  const keptMesh = keepMesh(cluster, mesh, say);
  if (Object.keys(keptMesh).length > 0) kept.clustermesh = keptMesh;
  keepKubeProxy(kept, own, say);
  tellIpam(cluster, own, say);
  tellConfig(cluster, say);
  for (const key of ["labels", "ciliumEndpointSlice"])
    if (own[key] !== undefined) say(key, own[key], own[key]);
  const told = new Set<string>();
  for (const { path, applies, why, instead } of unmet) {
    const value = at(own, path);
    if (!applies(value)) continue;
    told.add(path.split(".")[0] ?? path);
    say(path, value, why, { matters: "yes", part: "unavailable" });
    if (instead !== undefined) Object.assign(kept, mergeValues(kept, instead));
  }
  keepRouting(kept, own, say);
  if (tellMasquerading(cluster, own, say)) told.add("ipMasqAgent");
  withoutEnforcement(kept, cluster, say);
  // The plan tells these too: no agent would start.
  const refused = valuesRefused(own, cluster.cilium ?? "").flatMap((r) => (r.isOfChart ? [] : [r.path]));
  for (const path of refused) delete kept[path];
  // The plan tells them as what is wrong in the source.
  const wrong = ignoredValues(own, cluster.cilium ?? "").flatMap(({ path, removed, instead }) =>
    removed === undefined && instead === undefined ? [] : [path],
  );
  const others = tellServiceProxy(cluster, own, say);
  tellOthers(others, new Set([...Object.keys(kept), ...told, ...wrong, ...refused]), say);
  for (const key of notDefault)
    if (own[key] === undefined)
      say(`value ${key}`, "the chart's default", labsOwn[key], { matters: "no", part: "always" });
  return kept;
}

/** The values that the lab does not take: one line each, unless they are nearly the whole chart. */
function tellOthers(own: Values, handled: ReadonlySet<string>, say: Say): void {
  const elsewhere = new Set([
    ...["clustermesh", "cluster", "ipam", "kubeProxyReplacement"],
    // The plan tells removed values as what is wrong in the source, as those in `handled` that are at a wrong place.
    ...removedKeys,
  ]);
  const left: string[] = [];
  for (const key of Object.keys(own)) {
    if (handled.has(key) || elsewhere.has(key) || key.startsWith("x-")) continue;
    const why = labsOwn[key];
    if (why === undefined) left.push(key);
    else say(`value ${key}`, "set", why, { matters: "no", part: "always" });
  }
  const matters = (key: string): "no" | "perhaps" =>
    withoutEffect.has(key) || isOff(own[key]) ? "no" : "perhaps";
  // `helm get values --all` prints those of the chart too.
  if (left.length > mostLines) {
    const first = left.filter((key) => matters(key) === "perhaps");
    say(
      `${left.length} other values`,
      `most of them the chart's; which may be the operator's: ${first.join(", ")}`,
      "left out: give `helm get values` without --all to see which are set",
      { matters: "perhaps" },
    );
  } else
    for (const key of left) say(`value ${key}`, summary(own[key]), "left out", { matters: matters(key) });
}
const mostLines = 50;

/** Helm takes a null for a value that is not set; a placeholder is not known, and a line of its own in the plan. */
function withoutNulls(values: Values): Values {
  const entries = Object.entries(values).flatMap(([key, value]): [string, unknown][] => {
    if (value === null || isPlaceholder(value)) return [];
    if (Array.isArray(value)) return [[key, value.filter((item) => !isPlaceholder(item))]];
    if (!isMapping(value)) return [[key, value]];
    const inner = withoutNulls(value);
    return Object.keys(inner).length === 0 && Object.keys(value).length > 0 ? [] : [[key, inner]];
  });
  return Object.fromEntries(entries);
}

/** Values in full where they are short. */
function summary(value: unknown): string {
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return text.length > 120 ? "set" : text;
}

const isOff = (value: unknown): boolean =>
  value === false ||
  value === "" ||
  (typeof value === "object" &&
    value !== null &&
    (Object.keys(value).length === 0 || at(value as Values, "enabled") === false));

/** With the present names of what older charts read under another one. */
function ownValues(cluster: SourceCluster): Values {
  const given = withoutNulls(mergeValues(fromConfig(cluster.config), cluster.values as Values));
  const own = readsOldMcsApi(cluster) ? withMcsApi(given) : given;
  const { tunnel } = own;
  // Charts before 1.15 read the old value.
  if (typeof tunnel !== "string" || isAtLeast(cluster.cilium ?? "1.15", "1.15")) return own;
  const { tunnel: _, ...rest } = own;
  return tunnel === "disabled" ? { ...rest, routingMode: "native" } : { ...rest, tunnelProtocol: tunnel };
}

function withMcsApi(own: Values): Values {
  const { enableMCSAPISupport: old, ...mesh } = (own.clustermesh ?? {}) as Values;
  if (old === undefined) return own;
  // Either of the two puts it on.
  return { ...own, clustermesh: old === true ? mergeValues(mesh, { mcsapi: { enabled: true } }) : mesh };
}

function keepMesh(cluster: SourceCluster, mesh: Values, say: Say): Values {
  const kept: Values = {};
  for (const key of keptMeshValues) if (mesh[key] !== undefined) kept[key] = mesh[key];
  const apiserver = (mesh.apiserver ?? {}) as { kvstoremesh?: Values; replicas?: unknown };
  const keptApiserver: Values = {
    ...(apiserver.kvstoremesh?.enabled === undefined
      ? {}
      : { kvstoremesh: { enabled: apiserver.kvstoremesh.enabled } }),
    ...(apiserver.replicas === undefined ? {} : { replicas: apiserver.replicas }),
  };
  if (Object.keys(keptApiserver).length > 0) kept.apiserver = keptApiserver;
  const mcs = (kept.mcsapi as { enabled?: unknown } | undefined)?.enabled === true;
  if (mcs && !isAtLeast(cluster.cilium ?? "", "1.19")) {
    delete kept.mcsapi;
    say("MCS-API", "on", "off: before Cilium 1.19 nothing creates its CRDs", {
      matters: "yes",
      part: "unavailable",
    });
  }
  for (const key of Object.keys(mesh)) {
    if (key in kept && key !== "apiserver") continue;
    const why = meshsOwn[key];
    if (why !== undefined) say(`value clustermesh.${key}`, "set", why, { matters: "no", part: "always" });
    else
      say(`value clustermesh.${key}`, summary(mesh[key]), "left out", {
        matters: isOff(mesh[key]) ? "no" : "perhaps",
      });
  }
  return kept;
}

function keepKubeProxy(kept: Values, own: Values, say: Say): void {
  const value = own.kubeProxyReplacement;
  delete kept.kubeProxyReplacement;
  if (value === undefined) return;
  if (value === true) say("kubeProxyReplacement", true, true);
  else if (replacesKubeProxy.includes(String(value)))
    say("kubeProxyReplacement", value, `true, which ${value} means in old charts`, { matters: "no" });
  else
    say("kubeProxyReplacement", value, "true: a lab's nodes have no kube-proxy", {
      matters: "yes",
      part: "unavailable",
    });
}

/** Nodes of a lab are on one network, whose routes take the place of a cloud's or a router's. */
function keepRouting(kept: Values, own: Values, say: Say): void {
  if (own.routingMode !== "native") return;
  if (own.autoDirectNodeRoutes !== true)
    say(
      "routes of native routing",
      "of the network between the nodes",
      "autoDirectNodeRoutes: true, on one network",
      {
        matters: "yes",
        part: "unavailable",
      },
    );
  kept.autoDirectNodeRoutes = true;
}

/** A lab's own clustermesh-apiserver, CoreDNS, health endpoints and probers are admitted by no policy of the source. */
function withoutEnforcement(kept: Values, cluster: SourceCluster, say: Say): void {
  if (settingsOf(cluster).settings["enable-policy"] !== "always") return;
  kept.policyEnforcementMode = "default";
  say(
    "policyEnforcementMode",
    "always",
    "default: nothing would admit the lab's own clustermesh-apiserver, CoreDNS and health endpoints; pods that no policy selects accept and send everything there",
    { matters: "yes", part: "unavailable" },
  );
}

/** Whether there is something to tell: a lab has no ip-masq-agent, so it masquerades what the agent leaves alone. */
function tellMasquerading(cluster: SourceCluster, own: Values, say: Say): boolean {
  if (at(own, "ipMasqAgent.enabled") !== true && cluster.config["enable-ip-masq-agent"] !== "true")
    return false;
  const list = agentKeeps(cluster)?.join(", ") ?? "the agent's own default, or a ConfigMap that was not read";
  const { routingMode, ipv4NativeRoutingCIDR: range } = own;
  const [inLab, matters] =
    routingMode !== "native"
      ? (["off: packets between pods are in tunnels, and not masqueraded", "no"] as const)
      : range === undefined
        ? ([`off: ipv4NativeRoutingCIDR ${rangeOfLabs} instead, so pods are not masqueraded`, "no"] as const)
        : ([
            `off: the lab masquerades packets to pods outside of ipv4NativeRoutingCIDR (${String(range)}), so policies there see nodes`,
            "yes",
          ] as const);
  say("ipMasqAgent", `on, and not masqueraded: ${list}`, inLab, {
    matters,
    part: matters === "yes" ? "unavailable" : "other",
  });
  return true;
}

/** Pods of a lab have addresses of the planned CIDR, which `lab-networks` derives from the pools. */
function tellIpam(cluster: SourceCluster, own: Values, say: Say): void {
  const { mode } = cluster.podNetwork;
  if (mode === undefined || mode === "kubernetes" || mode.startsWith("cluster-pool")) return;
  const isCloud = cloudModes.includes(mode);
  say(
    "ipam.mode",
    mode,
    isCloud ? "kubernetes: no cloud assigns addresses to a lab's pods" : "kubernetes: one CIDR for each node",
    { matters: "yes", part: "unavailable" },
  );
  if (at(own, "ipam.multiPoolPreAllocation") !== undefined)
    say("ipam.multiPoolPreAllocation", "set", "left out", { matters: "perhaps" });
}
