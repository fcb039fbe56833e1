import type { KindConfig } from "./lab-file.ts";

interface PlannedBase {
  readonly name: string;
  readonly id: number;
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** The pods' IPv6 CIDR, where the cluster is dual-stack. */
  readonly podCidr6?: string;
  readonly kubernetes: string;
  readonly cilium: string;
}

/** A cluster that Meshproof creates and removes. */
export interface PlannedKindCluster extends PlannedBase {
  readonly kind: "kind";
  readonly kindConfig: KindConfig;
  /** The user's own Helm values, laid over ours. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Objects that the lab holds, applied once it is meshed. */
  readonly manifests?: readonly Readonly<Record<string, unknown>>[];
}

/** A cluster that others made: never created, changed or removed. All of it was read from the cluster itself. */
export interface PlannedExternalCluster extends PlannedBase {
  readonly kind: "external";
  readonly context: string;
  readonly kubeconfig: string;
  /** Docker networks of its nodes, where all of them are containers of this machine; else none. */
  readonly networks: readonly string[];
  readonly hasApiserver: boolean;
  readonly hasKvstoreMesh: boolean;
  readonly routesNatively: boolean;
  /** LoadBalancer services were seen to get addresses. */
  readonly assignsLoadBalancerIPs: boolean;
}

export type PlannedCluster = PlannedKindCluster | PlannedExternalCluster;
