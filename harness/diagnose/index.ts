import { messageOf } from "#harness/lib/errors.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { announcements } from "./announcements.ts";
import { withId } from "./catalogue/index.ts";
import { certificateUsers } from "./certificate-users.ts";
import { certificates } from "./certificates.ts";
import { configuration } from "./configuration.ts";
import { connections } from "./connections.ts";
import { controlPlane } from "./control-plane.ts";
import { controllers } from "./controllers.ts";
import { deniedClusters } from "./denied-clusters.ts";
import { endpointCrds } from "./endpoint-crds.ts";
import { withoutAddresses } from "./exhausted-nodes.ts";
import { fullMaps } from "./full-maps.ts";
import { headlessServices } from "./headless-services.ts";
import { cutOffNodes, health } from "./health.ts";
import { heldState } from "./held-state.ts";
import { hostPolicies } from "./host-policies.ts";
import { knownDefects } from "./known-defects.ts";
import { kubeProxyServices } from "./kube-proxy-services.ts";
import { leftAloneServices } from "./left-alone-services.ts";
import { leftovers } from "./leftovers.ts";
import { loggedRefusals } from "./logged-refusals.ts";
import { lostPeers } from "./lost-peers.ts";
import { missingCertificates } from "./missing-certificates.ts";
import { mutualAuthentication } from "./mutual-authentication.ts";
import { namespaceLabelPolicies } from "./namespace-label-policies.ts";
import { namespaces } from "./namespaces.ts";
import { neighbours } from "./neighbours.ts";
import { nodeAddresses } from "./node-addresses.ts";
import { nodeMtus } from "./node-mtu.ts";
import { nodePorts } from "./node-ports.ts";
import { nodes, nodesWithoutNetwork } from "./nodes.ts";
import { ownClusterPolicies } from "./own-cluster-policies.ts";
import { peerAddresses } from "./peer-addresses.ts";
import { podStarts } from "./pod-start.ts";
import { policies } from "./policies.ts";
import { policyRules } from "./policy-rules.ts";
import { programVersions } from "./program-versions.ts";
import { programs } from "./programs.ts";
import { refusedRequests } from "./refused-requests.ts";
import { restartedContainers } from "./restarted-containers.ts";
import { runningSettings } from "./running-settings.ts";
import { serviceAddresses } from "./service-addresses.ts";
import { serviceDefinitions } from "./service-definitions.ts";
import { services } from "./services.ts";
import { settings } from "./settings.ts";
import { sharedDnsServices } from "./shared-dns-services.ts";
import { shutOff } from "./shut-off.ts";
import { sizes } from "./sizes.ts";
import { sourceRanges } from "./source-ranges.ts";
import { targetPorts } from "./target-ports.ts";
import { trafficPolicies } from "./traffic-policies.ts";
import { tunnelDevices } from "./tunnel-devices.ts";
import { uncreatedPods } from "./uncreated-pods.ts";
import { underlay } from "./underlay.ts";
import { unlabelledIdentities } from "./unlabelled-identities.ts";
import { unmanagedPods } from "./unmanaged-pods.ts";
import { unread } from "./unread.ts";
import { wireguardKeys } from "./wireguard-keys.ts";

/** `defects`: suites/known-defects.yaml; only one layer needs it. */
export type Layer = (mesh: MeshSnapshot, defects: readonly KnownDefect[]) => readonly Finding[];

/**
 * Causes before their effects, in the order in which an operator would look: a deeper layer explains the layers above
 * it. Follows the lists of Cilium's Cluster Mesh troubleshooting guide and of the seeds.
 */
export const layers: readonly Layer[] = [
  nodes,
  tunnelDevices,
  programs,
  neighbours,
  underlay,
  settings,
  runningSettings,
  endpointCrds,
  unlabelledIdentities,
  wireguardKeys,
  sizes,
  nodeMtus,
  namespaces,
  refusedRequests,
  trafficPolicies,
  controlPlane,
  restartedContainers,
  nodesWithoutNetwork,
  withoutAddresses,
  fullMaps,
  configuration,
  nodeAddresses,
  serviceAddresses,
  programVersions,
  knownDefects,
  peerAddresses,
  announcements,
  nodePorts,
  sourceRanges,
  shutOff,
  hostPolicies,
  missingCertificates,
  certificates,
  certificateUsers,
  lostPeers,
  cutOffNodes,
  connections,
  unmanagedPods,
  heldState,
  leftovers,
  leftAloneServices,
  targetPorts,
  headlessServices,
  uncreatedPods,
  services,
  kubeProxyServices,
  serviceDefinitions,
  sharedDnsServices,
  podStarts,
  policies,
  policyRules,
  loggedRefusals,
  ownClusterPolicies,
  deniedClusters,
  mutualAuthentication,
  namespaceLabelPolicies,
  health,
  controllers,
  unread,
];

/** An archive may hold values that no API server accepts: a layer that cannot judge them must not hide the others. */
function judged(layer: Layer, mesh: MeshSnapshot, defects: readonly KnownDefect[]): readonly Finding[] {
  try {
    return layer(mesh, defects);
  } catch (error) {
    return [
      {
        layer: "evidence",
        severity: "unread",
        cluster: mesh.clusters[0]?.name ?? "",
        subject: layer.name,
        message: `${layer.name} could not be judged: ${messageOf(error)}`,
        next: "look for a value that an API server would refuse; if there is none, report a defect of Meshproof",
      },
    ];
  }
}

/** Findings, root causes first; broken before suspect before unread. */
export function diagnose(mesh: MeshSnapshot, defects: readonly KnownDefect[]): Finding[] {
  const found = layers.flatMap((layer) => judged(layer, mesh, defects)).map(withId);
  return (["broken", "suspect", "unread"] as const).flatMap((s) => found.filter((f) => f.severity === s));
}
