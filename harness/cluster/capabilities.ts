import { hasApiserver } from "#harness/config/profiles.ts";
import type { PlannedCluster } from "#harness/model/lab-plan.ts";
import { enablesKvstoreMesh } from "#harness/model/lab-plan.ts";
import type { ProfileName } from "#harness/model/profile.ts";

/** What a cluster allows, and how it takes part in the mesh. Known from the plan, without any request. */
export interface Capabilities {
  /** Meshproof created it, so its nodes and Cilium's configuration may be changed. */
  readonly allowsNodeControl: boolean;
  /** Nodes are containers of this machine: programs can run in them, and clients can run beside them. */
  readonly nodesAreLocal: boolean;
  /** LoadBalancer services get addresses. */
  readonly assignsLoadBalancerIPs: boolean;
  /** It exports its state through clustermesh-apiserver; otherwise through its own kvstore. */
  readonly hasApiserver: boolean;
  /** KVStoreMesh caches the state of the other clusters; otherwise every agent reads their kvstores itself. */
  readonly hasKvstoreMesh: boolean;
  /** Pods reach other clusters without a tunnel. */
  readonly routesNatively: boolean;
  readonly isDualStack: boolean;
}

/**
 * Of a kind cluster from its Helm values and the lab's profile; of an external one from what `discoverCluster` read.
 */
export function capabilitiesOf(planned: PlannedCluster, profile: ProfileName): Capabilities {
  const isDualStack = planned.podCidr6 !== undefined;
  if (planned.kind === "external")
    return {
      allowsNodeControl: false,
      nodesAreLocal: planned.networks.length > 0,
      assignsLoadBalancerIPs: planned.assignsLoadBalancerIPs,
      hasApiserver: planned.hasApiserver,
      hasKvstoreMesh: planned.hasKvstoreMesh,
      routesNatively: planned.routesNatively,
      isDualStack,
    };
  return {
    allowsNodeControl: true,
    nodesAreLocal: true,
    assignsLoadBalancerIPs: true,
    hasApiserver: hasApiserver(profile),
    hasKvstoreMesh: hasApiserver(profile) && enablesKvstoreMesh(planned),
    routesNatively: planned.values.routingMode === "native",
    isDualStack,
  };
}
