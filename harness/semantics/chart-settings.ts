/**
 * `meaning`: one value means another thing, or none; `default`: the chart sets what it did not set, or another value, and
 * that changes what Cilium does; `internal`: what Cilium does stays the same.
 */
export type ChangeKind = "meaning" | "default" | "internal";

/** A setting that has to have a value for the change to matter, with the chart's default of it. */
export interface OnlyWith {
  readonly setting?: string;
  readonly value: string;
  readonly is: string;
  readonly chart: string;
}

/** One setting whose default is not the same in all charts that were read. */
export interface ChartSetting {
  /** The key in cilium-config; absent for a value that the agents do not read. */
  readonly setting?: string;
  /** Path of the Helm value that sets it, if there is one. */
  readonly value?: string;
  /** What each chart writes without that value, from this version on until the next; null if it writes nothing. */
  readonly defaults: Readonly<Record<string, string | null>>;
  readonly kind: ChangeKind;
  readonly means: string;
  readonly onlyWith?: OnlyWith;
  /** The chart keeps the old default where `upgradeCompatibility` is below this minor. */
  readonly compatibleBelow?: string;
  /** The value, as YAML, that does what a chart without the setting did. */
  readonly keep?: string;
  readonly source: string;
}

/** The charts that were rendered for the table, with the values of a mesh and with nearly every feature on. */
export const chartsRead = ["1.18.6", "1.18.11", "1.19.1", "1.19.4", "1.19.7", "1.20.0", "1.20.2"] as const;

const configMap = (line: number, version = "1.20.2"): string =>
  `install/kubernetes/cilium/templates/cilium-configmap.yaml:${line} of ${version}`;
const notes = (minor: string): string => `Documentation/operations, upgrade notes of ${minor}`;
const since = (version: string, is: string): Record<string, string | null> => ({
  "1.18.6": null,
  [version]: is,
});
const until = (version: string, was: string): Record<string, string | null> => ({
  "1.18.6": was,
  [version]: null,
});

const withIngress: OnlyWith = {
  setting: "enable-ingress-controller",
  value: "ingressController.enabled",
  is: "true",
  chart: "false",
};
const withProxy: OnlyWith = { setting: "enable-l7-proxy", value: "l7Proxy", is: "true", chart: "true" };
const withMcsApi: OnlyWith = {
  setting: "clustermesh-enable-mcs-api",
  value: "clustermesh.mcsapi.enabled",
  is: "true",
  chart: "false",
};
const renewedByHelm: OnlyWith = {
  value: "clustermesh.apiserver.tls.auto.method",
  is: "helm",
  chart: "helm",
};

const meaning: readonly ChartSetting[] = [
  {
    setting: "policy-default-local-cluster",
    value: "clustermesh.policyDefaultLocalCluster",
    defaults: { "1.18.6": "false", "1.19.1": "true" },
    kind: "meaning",
    means: "with true, a policy without a cluster label selects pods of its own cluster only",
    source: notes("1.19"),
  },
  {
    setting: "mesh-auth-enabled",
    value: "authentication.enabled",
    defaults: { "1.18.6": "true", "1.19.1": "false" },
    kind: "meaning",
    means: "with false, a policy that asks for authentication lets traffic through without it",
    source: notes("1.19"),
  },
  {
    value: "clustermesh.apiserver.tls.authMode",
    defaults: { "1.18.6": "legacy", "1.19.1": "migration" },
    kind: "internal",
    means: "with migration, etcd also has a user for each peer; clusters connect as before",
    source: notes("1.19"),
  },
];

const newDefaults: readonly ChartSetting[] = [
  {
    value: "clustermesh.apiserver.tls.auto.certValidityDuration",
    defaults: { "1.18.6": "1095", "1.20.0": "365" },
    kind: "default",
    means:
      "days that new certificates of the mesh are valid; with tls.auto.method helm they are renewed only when the chart is applied, so apply it at least once in that time",
    onlyWith: renewedByHelm,
    source: notes("1.20"),
  },
  {
    setting: "packetization-layer-pmtud-mode",
    value: "pmtuDiscovery.packetizationLayerPMTUDMode",
    defaults: since("1.19.1", "blackhole"),
    kind: "default",
    means:
      "TCP of pods probes for a smaller MTU where large packets vanish; 1.18 left it to the kernel's setting",
    keep: '""',
    source: notes("1.19"),
  },
  {
    setting: "proxy-max-active-downstream-connections",
    value: "envoy.maxGlobalDownstreamConnections",
    defaults: since("1.19.1", "50000"),
    kind: "default",
    means: "each Envoy refuses connections over this number, which 1.18 did not limit",
    onlyWith: withProxy,
    source: configMap(1494),
  },
  {
    setting: "clustermesh-mcs-api-install-crds",
    value: "clustermesh.mcsapi.installCRDs",
    defaults: since("1.19.1", "true"),
    kind: "default",
    means: "the operator installs and updates the CRDs of the MCS API; false leaves them to you",
    keep: "false",
    onlyWith: withMcsApi,
    source: notes("1.19"),
  },
  {
    setting: "envoy-xds-mode",
    value: "envoy.xdsMode",
    defaults: since("1.20.0", "ads"),
    kind: "default",
    means:
      "agents configure Envoy by one stream for all resources; upgradeCompatibility below 1.20 keeps one for each",
    keep: "split",
    onlyWith: withProxy,
    compatibleBelow: "1.20",
    source: "install/kubernetes/cilium/values.yaml:2730 of 1.20.2",
  },
  {
    setting: "ingress-use-remote-address",
    value: "ingressController.useRemoteAddress",
    defaults: since("1.20.0", "true"),
    kind: "default",
    means: "Envoy takes the address of the connection for the client's",
    onlyWith: withIngress,
    source: configMap(287),
  },
  {
    setting: "ingress-default-xff-num-trusted-hops",
    value: "ingressController.xffNumTrustedHops",
    defaults: since("1.20.0", "0"),
    kind: "default",
    means: "how many proxies before Envoy are trusted to name the client in X-Forwarded-For",
    onlyWith: withIngress,
    source: configMap(286),
  },
];

type Internal = readonly [
  setting: string,
  value: string | undefined,
  defaults: ChartSetting["defaults"],
  means: string,
  source: string,
];

const internalRows: readonly Internal[] = [
  [
    "clustermesh-cache-ttl",
    "clustermesh.cacheTTL",
    since("1.19.1", "0s"),
    "0s: what a lost peer left in the cache is kept, as before",
    configMap(1538),
  ],
  [
    "clustermesh-default-global-namespace",
    "clustermesh.defaultGlobalNamespace",
    since("1.20.0", "true"),
    "true: every namespace is shared with the mesh, as before",
    "install/kubernetes/cilium/values.yaml:3742 of 1.20.2",
  ],
  [
    "policy-deny-response",
    "policyDenyResponse",
    since("1.19.1", "none"),
    "none: denied packets are dropped without an answer, as before",
    configMap(589),
  ],
  [
    "enable-no-service-endpoints-routable",
    "enableNoServiceEndpointsRoutable",
    since("1.19.1", "true"),
    "true: a service without endpoints stays routable, as before",
    configMap(855),
  ],
  [
    "proxy-use-original-source-address",
    "envoy.useOriginalSourceAddress",
    since("1.19.1", "true"),
    "true: the proxy keeps the client's address, as before",
    configMap(1499),
  ],
  ...(
    [
      ["connections", "Connections", "1.19.1", 1500],
      ["requests", "Requests", "1.19.1", 1502],
      ["pending-requests", "PendingRequests", "1.20.0", 1501],
    ] as const
  ).map(
    ([name, value, version, line]): Internal => [
      `proxy-cluster-max-${name}`,
      `envoy.clusterMax${value}`,
      since(version, "1024"),
      "Envoy's own default, now written out",
      configMap(line),
    ],
  ),
  [
    "envoy-access-log-enabled",
    "envoy.log.accessLogEnabled",
    since("1.20.0", "true"),
    "true: access is logged, as before",
    configMap(1524),
  ],
  [
    "envoy-node-locality-enabled",
    "envoy.nodeLocality.enabled",
    since("1.20.0", "false"),
    "a new feature, off",
    configMap(1505),
  ],
  [
    "enable-datapath-plugins",
    "datapathPlugins.enabled",
    since("1.20.0", "false"),
    "a new feature, off",
    configMap(1566),
  ],
  [
    "datapath-plugins-state-dir",
    "datapathPlugins.stateDir",
    since("1.20.0", "/var/run/cilium/plugins"),
    "of a new feature that is off",
    configMap(1567),
  ],
  ["devices", "devices", since("1.20.0", ""), "empty: devices are detected, as before", configMap(841)],
  [
    "enable-dynamic-source-lookup-nodeport",
    "nodePort.enableDynamicSourceLookup",
    since("1.20.0", "false"),
    "a new feature, off",
    configMap(895),
  ],
  [
    "enable-service-topology",
    "loadBalancer.serviceTopology",
    since("1.19.4", "false"),
    "the agents' own default, now written out",
    configMap(919),
  ],
  [
    "enable-host-firewall",
    "hostFirewall.enabled",
    since("1.19.7", "false"),
    "the agents' own default, now written out",
    configMap(836),
  ],
  [
    "enable-drift-checker",
    "configDriftDetection.driftChecker",
    { "1.18.6": null, "1.18.11": "true", "1.19.1": null, "1.19.4": "true" },
    "a metric counts settings that agents have not applied yet",
    notes("1.20"),
  ],
  [
    "enable-dynamic-config",
    "configDriftDetection.enabled",
    { "1.18.6": null, "1.18.11": "true", "1.19.1": null, "1.19.4": "true" },
    "agents watch cilium-config for that metric",
    notes("1.20"),
  ],
  [
    "enable-tunnel-big-tcp",
    "enableTunnelBIGTCP",
    { "1.18.6": null, "1.19.1": "false", "1.19.4": null },
    "a feature that was off",
    configMap(709, "1.19.1"),
  ],
  [
    "enable-internal-traffic-policy",
    "enableInternalTrafficPolicy",
    until("1.19.1", "true"),
    "always on since 1.19",
    notes("1.19"),
  ],
  [
    "enable-svc-source-range-check",
    "svcSourceRangeCheck",
    until("1.19.1", "true"),
    "always on since 1.19",
    notes("1.19"),
  ],
  [
    "enable-node-port",
    "nodePort.enabled",
    until("1.19.1", "false"),
    "since 1.19 only kubeProxyReplacement: true turns node ports on",
    notes("1.19"),
  ],
  [
    "unmanaged-pod-watcher-interval",
    "operator.unmanagedPodWatcher.intervalSeconds",
    { "1.18.6": "15", "1.19.1": "15s" },
    "the same time in another notation",
    notes("1.19"),
  ],
  [
    "hubble-redact-kafka-apikey",
    "hubble.redact.kafka.apiKey",
    until("1.20.0", "true"),
    "of Kafka support, which 1.20 removed",
    notes("1.20"),
  ],
  [
    "hubble-export-aggregation-interval",
    "hubble.export.static.aggregationInterval",
    since("1.19.1", "0s"),
    "0s: flows are exported one by one, as before",
    configMap(1134),
  ],
  [
    "hubble-export-fieldaggregate",
    "hubble.export.static.fieldAggregate",
    since("1.19.1", ""),
    "empty: flows are exported one by one, as before",
    configMap(1137),
  ],
  ...(["http", "https", "tls-passthrough"] as const).map(
    (name, i): Internal => [
      `ingress-hostnetwork-${name}-listener-port`,
      undefined,
      since("1.20.0", "0"),
      "0: the port of before",
      configMap(294 + i),
    ],
  ),
];

/** Internal settings that a chart writes for a feature only. */
const ofFeature: Readonly<Record<string, OnlyWith>> = {
  "hubble-redact-kafka-apikey": {
    setting: "hubble-redact-enabled",
    value: "hubble.redact.enabled",
    is: "true",
    chart: "false",
  },
  // The chart writes it only then.
  "enable-node-port": {
    setting: "kube-proxy-replacement",
    value: "kubeProxyReplacement",
    is: "false",
    chart: "false",
  },
  "hubble-export-aggregation-interval": exportOn(),
  "hubble-export-fieldaggregate": exportOn(),
  "ingress-hostnetwork-http-listener-port": withIngress,
  "ingress-hostnetwork-https-listener-port": withIngress,
  "ingress-hostnetwork-tls-passthrough-listener-port": withIngress,
};

function exportOn(): OnlyWith {
  return { value: "hubble.export.static.enabled", is: "true", chart: "false" };
}

/** Every setting whose default differs between the charts that were read; `scripts/tools/chart-settings` compares it. */
export const chartSettings: readonly ChartSetting[] = [
  ...meaning,
  ...newDefaults,
  ...internalRows.map(([setting, value, defaults, means, source]): ChartSetting => {
    const feature = ofFeature[setting];
    return {
      setting,
      ...(value === undefined ? {} : { value }),
      defaults,
      kind: "internal",
      means,
      ...(feature === undefined ? {} : { onlyWith: feature }),
      source,
    };
  }),
];
