import { hasApiserver } from "#harness/config/profiles.ts";
import type { PlannedCluster } from "#harness/model/lab-plan.ts";
import { enablesKvstoreMesh } from "#harness/model/lab-plan.ts";
import type { ProfileName } from "#harness/model/profile.ts";

/** What can be done with a cluster, and how it takes part in the mesh. Known from the plan, before anything is asked. */
export interface Capabilities {
  /** Meshproof created it, so nodes may be paused, stopped and changed, and Cilium's configuration too. */
  readonly allowsNodeControl: boolean;
  /** Nodes are containers of this machine: programs can be run in them, and clients stand beside them. */
  readonly nodesAreLocal: boolean;
  /** LoadBalancer services get addresses. */
  readonly assignsLoadBalancerIPs: boolean;
  /** It exports its state through clustermesh-apiserver; else through its own kvstore. */
  readonly hasApiserver: boolean;
  /** KVStoreMesh caches what the other clusters export; else every agent reads their kvstores itself. */
  readonly hasKvstoreMesh: boolean;
  /** Pods reach other clusters without a tunnel. */
  readonly routesNatively: boolean;
  readonly isDualStack: boolean;
}

/** Of a kind cluster by its Helm values and the lab's profile; of an external one by what was read from it. */
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
