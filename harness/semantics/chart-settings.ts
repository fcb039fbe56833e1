import {
  type ChartSetting,
  configMap,
  notes,
  renewedByHelm,
  renewedByJob,
  since,
  withEni,
  withGateways,
  withIngress,
  withMcsApi,
  withProxy,
} from "./chart-setting.ts";
import { internalSettings } from "./internal-settings.ts";

export type { ChangeKind, ChartSetting, OnlyWith } from "./chart-setting.ts";

/** The charts that were rendered for the table, with the values of a mesh and with nearly every feature on. */
export const chartsRead = ["1.18.6", "1.18.11", "1.19.1", "1.19.4", "1.19.7", "1.20.0", "1.20.2"] as const;

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
    setting: "ipam",
    value: "ipam.mode",
    defaults: { "1.18.6": "cluster-pool", "1.19.1": "eni" },
    kind: "meaning",
    means:
      "with eni.enabled the chart sets it to eni, whatever ipam.mode says, and routing-mode to native unless routingMode is set; outside of AWS set eni.enabled: false instead",
    onlyWith: withEni,
    forced: "1.19.0",
    back: {
      kind: "meaning",
      means: "before 1.19 the chart takes ipam.mode as it is, whatever eni.enabled says",
    },
    source: configMap(66),
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
    back: { kind: "internal", means: "new certificates of the mesh are valid for longer" },
    source: notes("1.20"),
  },
  {
    value: "clustermesh.apiserver.tls.auto.schedule",
    defaults: since("1.20.0", "0 0 1 */4 *"),
    kind: "default",
    means:
      "a CronJob makes new certificates of the mesh at these times; without a schedule, which was the default before 1.20, only a changed release does",
    keep: '""',
    onlyWith: renewedByJob,
    source: notes("1.20"),
  },
  {
    setting: "bpf-lb-sock-hostns-only",
    value: "socketLB.hostNamespaceOnly",
    defaults: since("1.20.0", "true"),
    kind: "default",
    means:
      "with Gateway API the chart sets it to true, whatever socketLB.hostNamespaceOnly is: packets of pods to Services keep the Service's address until they leave the pod",
    onlyWith: withGateways,
    forced: "1.20.0",
    keep: '"false"',
    back: { kind: "default", means: "before 1.20 Gateway API leaves it as socketLB.hostNamespaceOnly says" },
    source: configMap(862),
  },
  {
    setting: "bpf-lb-algorithm-annotation",
    value: "bpf.lbAlgorithmAnnotation",
    defaults: { "1.18.6": "false", "1.20.0": "true" },
    kind: "default",
    means:
      "with Gateway API the chart sets it to true, whatever bpf.lbAlgorithmAnnotation is: Services may choose their own algorithm by annotation",
    onlyWith: withGateways,
    forced: "1.20.0",
    keep: '"false"',
    back: { kind: "default", means: "before 1.20 Gateway API leaves it as bpf.lbAlgorithmAnnotation says" },
    source: configMap(494),
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
    ofEnvoy: true,
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
    back: {
      kind: "default",
      means:
        "agents configure Envoy by one stream for each kind of resource, which is all that they had before 1.20",
    },
    onlyWith: withProxy,
    ofEnvoy: true,
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

/** Every setting whose default differs between the charts that were read; `scripts/tools/chart-settings` compares it. */
export const chartSettings: readonly ChartSetting[] = [...meaning, ...newDefaults, ...internalSettings];
