import { isAtLeast } from "#harness/lib/version.ts";
import type { SourceCluster } from "#harness/model/source-environment.ts";
import type { ClusterSettings } from "#harness/semantics/mesh-settings.ts";
import { at, isPlaceholder } from "./values-at.ts";

/** Keys of cilium-config, and the values of the chart that it writes there (templates/cilium-configmap.yaml@1.20.2). */
export const chartPaths = {
  "max-connected-clusters": "clustermesh.maxConnectedClusters",
  "routing-mode": "routingMode",
  "tunnel-protocol": "tunnelProtocol",
  "tunnel-port": "tunnelPort",
  "underlay-protocol": "underlayProtocol",
  "enable-ipv4": "ipv4.enabled",
  "enable-ipv6": "ipv6.enabled",
  "identity-allocation-mode": "identityAllocationMode",
  mtu: "MTU",
  ipam: "ipam.mode",
  "cni-chaining-mode": "cni.chainingMode",
  "ipv4-native-routing-cidr": "ipv4NativeRoutingCIDR",
  "enable-ipv4-masquerade": "enableIPv4Masquerade",
  "enable-ip-masq-agent": "ipMasqAgent.enabled",
  "egress-masquerade-interfaces": "egressMasqueradeInterfaces",
  "auto-direct-node-routes": "autoDirectNodeRoutes",
  "enable-policy": "policyEnforcementMode",
  "policy-default-local-cluster": "clustermesh.policyDefaultLocalCluster",
  "clustermesh-default-global-namespace": "clustermesh.defaultGlobalNamespace",
  "clustermesh-cache-ttl": "clustermesh.cacheTTL",
  "clustermesh-enable-endpoint-sync": "clustermesh.enableEndpointSliceSynchronization",
  "clustermesh-enable-mcs-api": "clustermesh.mcsapi.enabled",
  "kube-proxy-replacement": "kubeProxyReplacement",
  "k8s-service-proxy-name": "k8s.serviceProxyName",
  labels: "labels",
  "enable-cilium-endpoint-slice": "ciliumEndpointSlice.enabled",
  "enable-endpoint-routes": "endpointRoutes.enabled",
  "bpf-policy-map-max": "bpf.policyMapMax",
  "cluster-health-port": "clusterHealthPort",
  "enable-health-checking": "healthChecking",
  // Charts before 1.15.
  tunnel: "tunnel",
} as const;

/** What the chart writes where no value is given; the agents' own defaults are in the table of semantics. */
const chartDefaults = { "enable-ipv4": "true", "enable-ipv6": "false", "identity-allocation-mode": "crd" };

/**
 * The settings of a cluster's agents: of cilium-config, else what the chart makes of its values. Where cilium-config is
 * known, encryption that it does not mention is off.
 */
export function settingsOf({ name, id, cilium, ...source }: SourceCluster): ClusterSettings {
  const settings = agentSettings(source);
  return {
    name,
    version: cilium,
    settings: { ...(id === undefined ? {} : { "cluster-id": String(id) }), ...settings },
  };
}

type Written = Pick<SourceCluster, "config" | "values">;

/** The same, before the cluster is known as a whole; without those that are placeholders. */
export function agentSettings(source: Written): ClusterSettings["settings"] {
  const { config, values } = source;
  const written = writtenSettings(source);
  const hasConfig = Object.keys(config).length > 0;
  return {
    ...chartDefaults,
    ...(at(values, "gke.enabled") === true ? { "routing-mode": "native" } : {}),
    ...(hasConfig ? {} : encryption(values)),
    ...Object.fromEntries(Object.entries(written).filter(([, value]) => !isPlaceholder(value))),
  };
}

function writtenSettings({ config, values }: Written): Record<string, string> {
  const ofChart = Object.entries(chartPaths).flatMap(([key, path]) => {
    const value = at(values, path);
    return value === undefined || value === null || value === "" ? [] : [[key, String(value)]];
  });
  return { ...Object.fromEntries(ofChart), ...extraConfig(values), ...config };
}

/** Settings that decide on others. */
const decided: Readonly<Record<string, readonly string[]>> = {
  "routing-mode": ["tunnel-protocol", "tunnel-port", "underlay-protocol"],
  "tunnel-protocol": ["tunnel-port"],
};

/** Settings of the agents that are placeholders, with those that they decide on: nobody knows them. */
export function unknownSettings(source: Written): ReadonlySet<string> {
  const own = Object.entries(writtenSettings(source)).flatMap(([key, value]) =>
    isPlaceholder(value) ? [key, ...(decided[key] ?? [])] : [],
  );
  const isEncryption = ["enabled", "type"].some((key) =>
    isPlaceholder(at(source.values, `encryption.${key}`)),
  );
  return new Set([...own, ...(isEncryption ? ["encryption"] : [])]);
}

function encryption(values: SourceCluster["values"]): Record<string, string> {
  if (at(values, "encryption.enabled") !== true) return {};
  return { [`enable-${String(at(values, "encryption.type") ?? "ipsec")}`]: "true" };
}

/** The chart puts it at the end of cilium-config, as it is. */
function extraConfig(values: SourceCluster["values"]): Record<string, string> {
  const extra = at(values, "extraConfig");
  if (typeof extra !== "object" || extra === null) return {};
  return Object.fromEntries(Object.entries(extra).map(([key, value]) => [key, String(value)]));
}

/** The highest of these maxima that Cilium takes (templates/validate.yaml:218@1.20.2), for a lab. */
export const takenMaximum = (maxima: readonly number[]): 255 | 511 => (maxima.includes(511) ? 511 : 255);

/** Whether the chart reads the value under which the MCS-API was on before 1.20. */
export const readsOldMcsApi = ({ cilium }: SourceCluster): boolean => !isAtLeast(cilium ?? "1.20", "1.20");

/** Whether Cilium's operator serves the MCS-API. */
export const hasMcsApi = (cluster: SourceCluster): boolean =>
  at(cluster.values, "clustermesh.mcsapi.enabled") === true ||
  (at(cluster.values, "clustermesh.enableMCSAPISupport") === true && readsOldMcsApi(cluster)) ||
  cluster.config["clustermesh-enable-mcs-api"] === "true";
