import semver from "semver";

/** Settings of one cluster: cilium-config, and the version of its agents. */
export interface ClusterSettings {
  readonly name: string;
  readonly settings: Readonly<Record<string, string | undefined>>;
  readonly version?: string | undefined;
}

/** A setting that must have one value in all clusters of a mesh. */
interface EqualSetting {
  /** The key of cilium-config by which it is named. */
  readonly key: string;
  /** What a cluster uses; undefined if that cannot be known or does not matter there. */
  readonly valueOf: (cluster: ClusterSettings) => string | undefined;
  /** The key of the setting that decides on the value, where the cluster does not set it itself. */
  readonly follows?: (cluster: ClusterSettings) => string | undefined;
  /** `broken`: Cilium requires it; `suspect`: allowed, but traffic of some kind does not pass. */
  readonly severity: "broken" | "suspect";
  readonly effect: string;
  readonly remedy: string;
  /** The Helm values that set it. */
  readonly helmValues?: (value: string) => readonly string[];
  /** Whether a restart is enough to change it on a cluster that runs. */
  readonly changeable?: true;
  /** Where Cilium says so, or the code that shows it. */
  readonly source: string;
}

const isOn = (value: string | undefined): string => (value === "true" ? "on" : "off");

/** The most clusters that a cluster's identities have room for. */
export const maxClusters = ({ settings }: Pick<ClusterSettings, "settings">): number =>
  Number(settings["max-connected-clusters"] || 255);

/** From 1.15 on, `tunnel` is ignored (removed from pkg/option/config.go; before, it decided on mode and protocol). */
const oldTunnel = ({ settings, version }: ClusterSettings): string | undefined =>
  version !== undefined && semver.lt(semver.coerce(version) ?? "99.0.0", "1.15.0")
    ? settings.tunnel
    : undefined;

export const routingMode = (c: ClusterSettings): string =>
  c.settings["routing-mode"] || (oldTunnel(c) === "disabled" ? "native" : "tunnel");

const tunnelled = (c: ClusterSettings): boolean => routingMode(c) === "tunnel";
const ownPort = ({ settings }: ClusterSettings): number => Number(settings["tunnel-port"] ?? 0);

/** Undefined where nothing is tunnelled. */
export const tunnelProtocol = (c: ClusterSettings): string | undefined =>
  tunnelled(c)
    ? c.settings["tunnel-protocol"] || (oldTunnel(c) === "geneve" ? "geneve" : "vxlan")
    : undefined;

/** `auto`, and no setting, mean IPv4 where it is enabled (`newConfig`, pkg/datapath/tunnel/tunnel.go@1.20.2). */
function underlay({ settings }: ClusterSettings): string {
  const set = settings["underlay-protocol"] || "auto";
  return set === "auto" ? (settings["enable-ipv4"] === "false" ? "ipv6" : "ipv4") : set;
}

function encryption({ settings }: ClusterSettings): string {
  if (settings["enable-wireguard"] === "true") return "wireguard";
  if (settings["enable-ipsec"] === "true") return "ipsec";
  return settings["enable-ztunnel"] === "true" ? "ztunnel" : "none";
}

/** An address family that one side lacks. */
const family = (name: "ipv4" | "ipv6", effect: string): EqualSetting => ({
  key: `enable-${name}`,
  valueOf: ({ settings: { [`enable-${name}`]: value } }) => (value === undefined ? undefined : isOn(value)),
  severity: "suspect",
  effect,
  remedy: `set ${name}.enabled to one value in all clusters`,
  source:
    "ClusterIP frontends take backends of their own family alone, matchesFrontend, pkg/loadbalancer/writer/writer.go@1.20.2",
});

/** The patterns are a set: the longest match decides, in any order (`filterLabels`, pkg/labelsfilter/filter.go@1.20.2). */
function identityLabels({ settings }: ClusterSettings): string {
  const patterns = new Set((settings.labels ?? "").split(/\s+/).filter((p) => p !== ""));
  return patterns.size === 0 ? "the default" : [...patterns].toSorted().join(" ");
}

/** Whether agents ask and answer health checks (`enable-health-checking`; on by default, pkg/defaults/defaults.go@1.20.2). */
export const isHealthChecked = ({ settings }: Pick<ClusterSettings, "settings">): boolean =>
  settings["enable-health-checking"] !== "false";

/** Whether agents run a health endpoint, which answers like a pod. */
export const hasHealthEndpoint = (of: Pick<ClusterSettings, "settings">): boolean =>
  isHealthChecked(of) && of.settings["enable-endpoint-health-checking"] !== "false";

/** The TCP port of health checks, at which an agent answers and asks all others (`ClusterHealthPort`, pkg/defaults/defaults.go@1.20.2). */
export const healthPort = ({ settings }: Pick<ClusterSettings, "settings">): number =>
  Number(settings["cluster-health-port"] || 4240);

const reinstall = "it can only be set when Cilium is installed: install the smaller side anew";

/** Undefined where nothing is tunnelled. */
export const tunnelPort = (c: ClusterSettings): number | undefined =>
  tunnelled(c) ? ownPort(c) || (tunnelProtocol(c) === "geneve" ? 6081 : 8472) : undefined;

/** The deepest first: a difference explains the effects of those after it. */
export const equalSettings: readonly EqualSetting[] = [
  {
    key: "max-connected-clusters",
    valueOf: (c) => String(maxClusters(c)),
    severity: "broken",
    effect:
      "the number decides which bits of an identity name its cluster, so each side refuses or misreads the other",
    remedy: `set clustermesh.maxConnectedClusters to one value in all clusters; ${reinstall}`,
    helmValues: (value) => [`clustermesh.maxConnectedClusters=${value}`],
    source:
      "Documentation/network/clustermesh/setup.rst@1.20.2, Scaling Limitations; ValidateRemoteConfig, pkg/clustermesh/types/option.go@1.20.2",
  },
  {
    key: "routing-mode",
    valueOf: routingMode,
    severity: "broken",
    effect: "one side sends packets in tunnels and the other without",
    remedy: "set routingMode to one value in all clusters: all must use the same data path mode",
    helmValues: (value) => [`routingMode=${value}`],
    source: "Documentation/network/clustermesh/setup.rst@1.20.2, Cluster Addressing Requirements",
  },
  {
    key: "tunnel-protocol",
    valueOf: tunnelProtocol,
    severity: "broken",
    effect: "neither side accepts the other's tunnelled packets",
    remedy: "set tunnelProtocol to one value in all clusters",
    helmValues: (value) => [`tunnelProtocol=${value}`],
    changeable: true,
    source: "pkg/datapath/tunnel/tunnel.go@1.20.2: one device, of one protocol, sends and receives",
  },
  {
    key: "tunnel-port",
    valueOf: (c) => tunnelPort(c)?.toString(),
    follows: (c) => (ownPort(c) === 0 ? "tunnel-protocol" : undefined),
    severity: "broken",
    effect: "each side sends tunnelled packets to its own port, where the other does not listen",
    remedy: "set tunnelPort to one value in all clusters",
    helmValues: (value) => [`tunnelPort=${value}`],
    changeable: true,
    source:
      "newConfig, pkg/datapath/tunnel/tunnel.go@1.20.2: the port of a node's own device is used for every remote node; defaults in pkg/defaults/defaults.go:470",
  },
  {
    key: "underlay-protocol",
    valueOf: (c) => (tunnelled(c) ? underlay(c) : undefined),
    severity: "broken",
    effect: "one side sends tunnelled packets over IPv4 and the other over IPv6",
    remedy: "set underlayProtocol to one value in all clusters",
    helmValues: (value) => [`underlayProtocol=${value}`],
    changeable: true,
    source: "newConfig, pkg/datapath/tunnel/tunnel.go@1.20.2",
  },
  {
    key: "encryption",
    valueOf: encryption,
    severity: "broken",
    effect: "one side encrypts traffic between pods, and the other does not understand it",
    remedy:
      "set encryption.enabled and encryption.type to one value in all clusters: mixed mode is not supported",
    source:
      "Documentation/security/network/encryption-wireguard.rst@1.20.2, Cluster Mesh; encryption-ipsec.rst, key rotation in all clusters",
  },
  {
    key: "cluster-health-port",
    valueOf: (c) => (isHealthChecked(c) ? String(healthPort(c)) : undefined),
    severity: "broken",
    effect:
      "agents ask the nodes of the other side at their own port, where nothing listens, so health checks by TCP between them fail, and these nodes count as unreachable; traffic of pods passes all the same",
    remedy: "set clusterHealthPort to one value in all clusters",
    helmValues: (value) => [`clusterHealthPort=${value}`],
    changeable: true,
    source:
      "launchCiliumNodeHealth, pkg/health/health_connectivity_node.go:58@1.20.2: an agent asks every node at its own port; https://github.com/cilium/cilium/issues/34015",
  },
  family("ipv4", "pods of one side have no address that the other can use for IPv4"),
  family("ipv6", "IPv6 services of one side have no backends of the other"),
  {
    key: "identity-allocation-mode",
    valueOf: ({ settings }) => settings["identity-allocation-mode"],
    severity: "suspect",
    effect: "identities of one side are in its API server and of the other in its kvstore",
    remedy:
      "set identityAllocationMode to one value in all clusters, unless a migration between the modes is under way",
    source:
      "no line of Cilium requires it: the identities of either mode are read from a kvstore (pkg/clustermesh/remote_cluster.go:400@1.20.2)",
  },
  {
    key: "labels",
    valueOf: identityLabels,
    severity: "suspect",
    effect:
      "a pod's identity has only the labels that its own cluster keeps, so policies of the other side that select by others do not match it",
    remedy:
      "set labels to one value in all clusters, then restart the agents: pods get new identities, so do it on one cluster after the other",
    source:
      "Filter and ParseLabelPrefixCfg, pkg/labelsfilter/filter.go@1.20.2: an agent filters labels of its own cluster's pods before it allocates an identity, which other clusters read as it is; Documentation/operations/performance/scalability/identity-relevant-labels.rst@1.20.2",
  },
  {
    key: "mtu",
    valueOf: ({ settings }) => (Number(settings.mtu ?? 0) === 0 ? "automatic" : String(settings.mtu)),
    severity: "suspect",
    effect: "packets that fit on one side can be too large for the other",
    remedy: "set MTU to one value in all clusters, the smallest that every path between their nodes takes",
    source:
      "install/kubernetes/cilium/templates/cilium-configmap.yaml:593@1.20.2; pkg/mtu: a node's own value is used for every remote node",
  },
];

/** A setting that differs, and its value in every cluster where it is known. */
export interface SettingDifference {
  readonly setting: EqualSetting;
  readonly values: readonly { readonly name: string; readonly value: string }[];
}

/** The settings that differ; not those that only follow from another one that does. */
export function settingDifferences(clusters: readonly ClusterSettings[]): SettingDifference[] {
  const found = equalSettings.flatMap((setting) => {
    const values = clusters.flatMap((c) => {
      const value = setting.valueOf(c);
      return value === undefined ? [] : [{ name: c.name, value, follows: setting.follows?.(c) }];
    });
    return new Set(values.map((v) => v.value)).size > 1 ? [{ setting, values }] : [];
  });
  const differs = (key: string | undefined): boolean => found.some((f) => f.setting.key === key);
  return found
    .filter(({ values }) => !values.every((v) => differs(v.follows)))
    .map(({ setting, values }) => ({
      setting,
      values: values.map(({ name, value }) => ({ name, value })),
    }));
}

/** Why Cilium refuses a cluster's name, or undefined (`ValidateClusterName`, pkg/clustermesh/types/types.go@1.20.2). */
export function wrongName(name: string): string | undefined {
  if (name === "default") return "it is the default, which a mesh does not allow";
  if (name.length > 32) return `it has ${name.length} characters; the limit is 32`;
  return /^([a-z0-9][-a-z0-9]*)?[a-z0-9]$/.test(name)
    ? undefined
    : "only lower-case letters, digits and '-' are allowed, and it must begin and end with a letter or digit";
}

type Settings = Pick<ClusterSettings, "settings">;

function outOfRange({ settings }: Settings): string | undefined {
  const text = settings["cluster-id"];
  if (text === undefined) return undefined;
  const id = Number(text);
  const most = maxClusters({ settings });
  // `RegisterClusterInfoValidator` in pkg/clustermesh/types/types.go, `NewClusterMesh` in pkg/clustermesh/clustermesh.go@1.20.2.
  if (id === 0)
    return "0 is reserved: a cluster of a mesh needs an id of its own; with 0, clustermesh-apiserver does not start, and agents connect to no cluster";
  return Number.isInteger(id) && id > 0 && id <= most ? undefined : `it must be a number from 1 to ${most}`;
}

/**
 * Whether agents start with an id that loses traffic, because a flag says so (the hook of `DefaultQuirks`,
 * pkg/clustermesh/cell.go@1.20.2).
 */
export const isToleratedId = (c: Settings): boolean =>
  outOfRange(c) === undefined && c.settings["allow-unsafe-policy-skb-usage"] === "true";

/** Why Cilium refuses a cluster's id, or undefined (`ValidateClusterID`, `ValidateBuggyClusterID`, the same files). */
export function wrongId(c: Settings): string | undefined {
  const wrong = outOfRange(c);
  if (wrong !== undefined) return wrong;
  const { settings } = c;
  const cloud =
    ["eni", "alibabacloud"].includes(settings.ipam ?? "") || settings["cni-chaining-mode"] === "aws-cni";
  return cloud && (Number(settings["cluster-id"]) & 0x80) !== 0
    ? "with ENI, Alibaba Cloud or chaining to the AWS CNI, ids from 128 to 255 (and 384 to 511) lose traffic that policies allow (https://github.com/cilium/cilium/issues/21330)"
    : undefined;
}
