import {
  type ChartSetting,
  configMap,
  notes,
  type OnlyWith,
  since,
  until,
  withGateways,
  withIngress,
} from "./chart-setting.ts";

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
    "true: namespaces without the annotation clustermesh.cilium.io/global are shared with the mesh, as before",
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
    "gateway-api-use-remote-address",
    "gatewayAPI.useRemoteAddress",
    since("1.20.0", "true"),
    "true: Envoy takes the address of the connection for the client's, as before",
    configMap(307),
  ],
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
  "gateway-api-use-remote-address": withGateways,
  "hubble-export-aggregation-interval": exportOn(),
  "hubble-export-fieldaggregate": exportOn(),
  "ingress-hostnetwork-http-listener-port": withIngress,
  "ingress-hostnetwork-https-listener-port": withIngress,
  "ingress-hostnetwork-tls-passthrough-listener-port": withIngress,
};

function exportOn(): OnlyWith {
  return { value: "hubble.export.static.enabled", is: "true", chart: "false" };
}

/** Settings whose default differs between the charts that were read, and that change nothing that Cilium does. */
export const internalSettings: readonly ChartSetting[] = internalRows.map(
  ([setting, value, defaults, means, source]): ChartSetting => {
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
  },
);
