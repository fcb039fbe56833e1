import { isAtLeast } from "#harness/lib/version.ts";

/** From which minor of Cilium on the chart has a value, and in which it is gone. */
interface KeyLife {
  readonly since?: string;
  readonly until?: string;
}

const inEveryChart = `
MTU affinity agent agentNotReadyTaintKey aksbyocni alibabacloud annotateK8sNode annotations apiRateLimit
authentication autoDirectNodeRoutes azure bandwidthManager bgpControlPlane bpf bpfClockProbe certgen cgroup
ciliumEndpointSlice cleanBpfState cleanState cluster cluster.id cluster.name clustermesh clustermesh.annotations
clustermesh.apiserver clustermesh.apiserver.affinity clustermesh.apiserver.etcd clustermesh.apiserver.extraArgs
clustermesh.apiserver.extraEnv clustermesh.apiserver.extraVolumeMounts clustermesh.apiserver.extraVolumes
clustermesh.apiserver.healthPort clustermesh.apiserver.image clustermesh.apiserver.kvstoremesh
clustermesh.apiserver.lifecycle clustermesh.apiserver.metrics clustermesh.apiserver.nodeSelector
clustermesh.apiserver.podAnnotations clustermesh.apiserver.podDisruptionBudget clustermesh.apiserver.podLabels
clustermesh.apiserver.podSecurityContext clustermesh.apiserver.priorityClassName
clustermesh.apiserver.readinessProbe clustermesh.apiserver.replicas clustermesh.apiserver.resources
clustermesh.apiserver.securityContext clustermesh.apiserver.service
clustermesh.apiserver.terminationGracePeriodSeconds clustermesh.apiserver.tls clustermesh.apiserver.tolerations
clustermesh.apiserver.topologySpreadConstraints clustermesh.apiserver.updateStrategy clustermesh.config
clustermesh.config.clusters clustermesh.config.domain clustermesh.config.enabled
clustermesh.enableEndpointSliceSynchronization clustermesh.maxConnectedClusters
clustermesh.policyDefaultLocalCluster clustermesh.useAPIServer cni commonLabels configDriftDetection
connectivityProbeFrequencyRatio conntrackGCInterval conntrackGCMaxInterval crdWaitTimeout daemon dashboards debug
defaultLBServiceIPAM directRoutingSkipUnreachable disableEndpointCRD dnsPolicy dnsProxy egressGateway
enableCriticalPriorityClass enableIPv4BIGTCP enableIPv4Masquerade enableIPv6BIGTCP enableIPv6Masquerade
enableInternalTrafficPolicy enableLBIPAM enableMasqueradeRouteSource enableNonDefaultDenyPolicies
enableXTSocketFallback encryption endpointHealthChecking endpointLockdownOnMapOverflow
endpointPolicyUpdateTimeoutDuration endpointRoutes eni envoy envoyConfig etcd extraArgs extraConfig
extraContainers extraEnv extraHostPathMounts extraInitContainers extraVolumeMounts extraVolumes
forceDeviceDetection gatewayAPI gke healthCheckICMPFailureThreshold healthChecking healthPort hostFirewall hubble
identityAllocationMode identityChangeGracePeriod identityManagementMode image imagePullSecrets ingressController
initResources installNoConntrackIptablesRules ipMasqAgent ipam ipam.ciliumNodeUpdateRate
ipam.installUplinkRoutesForDelegatedIPAM ipam.mode ipam.multiPoolPreAllocation ipam.operator
ipam.operator.autoCreateCiliumPodIPPools ipam.operator.clusterPoolIPv4MaskSize
ipam.operator.clusterPoolIPv4PodCIDRList ipam.operator.clusterPoolIPv6MaskSize
ipam.operator.clusterPoolIPv6PodCIDRList ipam.operator.externalAPILimitBurstSize
ipam.operator.externalAPILimitQPS iptablesRandomFully ipv4 ipv4NativeRoutingCIDR ipv6 ipv6NativeRoutingCIDR k8s
k8sClientExponentialBackoff k8sClientRateLimit k8sNetworkPolicy k8sServiceHost k8sServiceHostRef
k8sServiceLookupConfigMapName k8sServiceLookupNamespace k8sServicePort keepDeprecatedLabels keepDeprecatedProbes
kubeConfigPath kubeProxyReplacement kubeProxyReplacementHealthzBindAddr l2NeighDiscovery l2announcements
l2podAnnouncements l7Proxy livenessProbe loadBalancer localRedirectPolicies localRedirectPolicy logSystemLoad
maglev monitor name namespaceOverride nat nat46x64Gateway nodeIPAM nodePort nodeSelector nodeSelectorLabels
nodeinit operator pmtuDiscovery podAnnotations podLabels podSecurityContext policyCIDRMatchMode
policyEnforcementMode pprof preflight priorityClassName prometheus rbac readinessProbe resourceQuotas resources
rollOutCiliumPods routingMode scheduling sctp secretsNamespaceAnnotations securityContext serviceAccounts
serviceNoBackendResponse sleepAfterInit socketLB startupProbe synchronizeK8sNodes sysctlfix
terminationGracePeriodSeconds tls tolerations tunnelPort tunnelProtocol tunnelSourcePortRange underlayProtocol
updateStrategy upgradeCompatibility vtep waitForKubeProxy wellKnownIdentities
devices egressMasqueradeInterfaces directRoutingDevice extraHostPathMounts sessionAffinity
`;

/**
 * Values of Cilium's chart: those at the top, and those that decide on a mesh (install/kubernetes/cilium/values.yaml of
 * 1.18.11, 1.19.7 and 1.20.2; templates read a few more that it does not list).
 */
export const chartKeys: Readonly<Record<string, KeyLife>> = {
  ...Object.fromEntries(
    inEveryChart
      .trim()
      .split(/\s+/)
      .map((key) => [key, {}]),
  ),
  "clustermesh.apiserver.etcdQPS": { since: "1.20" },
  "clustermesh.cacheTTL": { since: "1.19" },
  "clustermesh.defaultGlobalNamespace": { since: "1.20" },
  "clustermesh.enableMCSAPISupport": { until: "1.20" },
  "clustermesh.mcsapi": { since: "1.19" },
  customCalls: { until: "1.19" },
  datapathPlugins: { since: "1.20" },
  enableNoServiceEndpointsRoutable: { since: "1.19" },
  "ipam.nodeSpec": { since: "1.19" },
  k8sClusterNetworkPolicy: { since: "1.20" },
  minReadySeconds: { since: "1.20" },
  nativeRoutingCIDRFromClusterPool: { since: "1.20" },
  policyDenyResponse: { since: "1.19" },
  preferIpv6: { since: "1.20" },
  secretsNamespaceLabels: { since: "1.19" },
  standaloneDnsProxy: { since: "1.19" },
  svcSourceRangeCheck: { until: "1.19" },
  tmpVolume: { since: "1.19" },
};

/** Parts of the chart whose keys are all listed above: another key there is a mistake. */
export const closedParts: readonly string[] = [
  "cluster",
  "clustermesh",
  "clustermesh.apiserver",
  "clustermesh.config",
  "ipam",
  "ipam.operator",
];

/** A value that a minor no longer reads, and what takes its place. `refused`: `helm` stops (templates/validate.yaml). */
interface RemovedValue {
  readonly path: string;
  readonly removed: string;
  readonly instead: string;
  readonly refused: boolean;
}

/** Values that decide on a mesh or are common, which charts before this minor had. */
export const removedValues: readonly RemovedValue[] = [
  { path: "tunnel", removed: "1.15", instead: "routingMode and tunnelProtocol", refused: true },
  { path: "global", removed: "1.9", instead: "the same keys without `global`", refused: false },
  { path: "nativeRoutingCIDR", removed: "1.12", instead: "ipv4NativeRoutingCIDR", refused: false },
  {
    path: "ipam.operator.clusterPoolIPv4PodCIDR",
    removed: "1.14",
    instead: "ipam.operator.clusterPoolIPv4PodCIDRList",
    refused: false,
  },
  {
    path: "ipam.operator.clusterPoolIPv6PodCIDR",
    removed: "1.14",
    instead: "ipam.operator.clusterPoolIPv6PodCIDRList",
    refused: false,
  },
  { path: "clustermesh.apiserver.tls.ca", removed: "1.15", instead: "tls.ca", refused: true },
  { path: "enableK8sEventHandover", removed: "1.15", instead: "nothing", refused: true },
  { path: "enableCnpStatusUpdates", removed: "1.15", instead: "nothing", refused: true },
  { path: "encryption.keyFile", removed: "1.16", instead: "encryption.ipsec.keyFile", refused: true },
  { path: "encryption.mountPath", removed: "1.16", instead: "encryption.ipsec.mountPath", refused: true },
  { path: "encryption.secretName", removed: "1.16", instead: "encryption.ipsec.secretName", refused: true },
  { path: "encryption.interface", removed: "1.16", instead: "encryption.ipsec.interface", refused: true },
  { path: "proxy.prometheus", removed: "1.16", instead: "envoy.prometheus", refused: true },
  { path: "endpointStatus", removed: "1.16", instead: "nothing", refused: true },
  { path: "remoteNodeIdentity", removed: "1.16", instead: "nothing: it is always on", refused: true },
  { path: "containerRuntime.integration", removed: "1.16", instead: "nothing", refused: true },
  { path: "etcd.managed", removed: "1.16", instead: "nothing", refused: true },
  {
    path: "enableCiliumEndpointSlice",
    removed: "1.18",
    instead: "ciliumEndpointSlice.enabled",
    refused: true,
  },
  { path: "ciliumEndpointSlice.sliceMode", removed: "1.18", instead: "nothing", refused: true },
  {
    path: "clustermesh.enableMCSAPISupport",
    removed: "1.20",
    instead: "clustermesh.mcsapi.enabled",
    refused: false,
  },
  { path: "externalWorkloads", removed: "1.18", instead: "nothing", refused: false },
  { path: "customCalls", removed: "1.19", instead: "nothing", refused: false },
  { path: "svcSourceRangeCheck", removed: "1.19", instead: "nothing: it is always on", refused: false },
  { path: "nodePort.enabled", removed: "1.19", instead: "kubeProxyReplacement", refused: false },
  {
    path: "l2podAnnouncements.interface",
    removed: "1.19",
    instead: "l2podAnnouncements.interfacePattern",
    refused: false,
  },
  {
    path: "encryption.ipsec.encryptedOverlay",
    removed: "1.20",
    instead: "nothing: it is always on",
    refused: false,
  },
  {
    path: "encryption.strictMode.enabled",
    removed: "1.20",
    instead: "encryption.strictMode.egress.enabled",
    refused: false,
  },
  {
    path: "encryption.strictMode.cidr",
    removed: "1.20",
    instead: "encryption.strictMode.egress.cidr",
    refused: false,
  },
  {
    path: "encryption.strictMode.allowRemoteNodeIdentities",
    removed: "1.20",
    instead: "encryption.strictMode.egress.allowRemoteNodeIdentities",
    refused: false,
  },
  { path: "hubble.redact.kafka", removed: "1.20", instead: "nothing", refused: false },
  { path: "preflight.tofqdnsPreCache", removed: "1.20", instead: "nothing", refused: false },
];

/** Whether the table has the chart of this version. */
export const isKnownMinor = (cilium: string): boolean =>
  isAtLeast(cilium, "1.18") && !isAtLeast(cilium, "1.21");

/**
 * Of a path that is no value of the chart: the value with another spelling of its letters, or the only one of that name
 * at another place.
 */
export function meantKey(path: string): string | undefined {
  const keys = Object.keys(chartKeys);
  if (keys.includes(path)) return undefined;
  const last = path.slice(path.lastIndexOf(".") + 1);
  const elsewhere = last === "enabled" ? [] : keys.filter((k) => k.endsWith(`.${last}`));
  return (
    keys.find((k) => k.toLowerCase() === path.toLowerCase()) ??
    (elsewhere.length === 1 ? elsewhere[0] : undefined)
  );
}
