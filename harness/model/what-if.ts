import type { Finding } from "./finding.ts";
import type { Part } from "./mesh-snapshot.ts";

/** A policy as a user wrote it; `specs` by their paths in the object: `spec`, `specs[0]`. */
export interface UserPolicy {
  readonly kind: "NetworkPolicy" | "CiliumNetworkPolicy" | "CiliumClusterwideNetworkPolicy";
  /** Empty for a clusterwide policy. */
  readonly namespace: string;
  readonly name: string;
  /** How often an API server has stored another spec of it; absent if it is not known. */
  readonly generation?: number;
  readonly specs: readonly { readonly path: string; readonly spec: Readonly<Record<string, unknown>> }[];
}

/** What a question about policies needs in addition to the snapshot of a cluster. */
export interface ClusterPolicies {
  readonly policies: Readonly<Record<UserPolicy["kind"], Part<readonly UserPolicy[]>>>;
  /** A namespace's name to its labels. */
  readonly namespaces: Part<ReadonlyMap<string, Readonly<Record<string, string>>>>;
  /** Names of Kubernetes' ClusterNetworkPolicies, whose meaning may change too, and which are not judged. */
  readonly unjudged?: readonly string[];
  /** Objects that are not the policies that they should be. */
  readonly malformed?: readonly MalformedPolicy[];
  /** From manifests, not from a cluster: the setting of today may not be among them. */
  readonly manifests?: true;
  /** Workloads of manifests: their pods are not among the files, and count by the template. */
  readonly templates?: readonly PodTemplate[];
  /** Objects of manifests from which a tool makes others, such as `HelmRelease shop`. */
  readonly unrendered?: readonly string[];
}

/** An object with a place that has another type than a policy's. */
export interface MalformedPolicy {
  /** `CiliumNetworkPolicy shop/a`; its kind alone if it has no name. */
  readonly object: string;
  /** `spec.ingress: expected array, found object`. */
  readonly why: string;
}

/** The pods that a workload makes. */
export interface PodTemplate {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** 1 of a DaemonSet, which has one pod for each node. */
  readonly replicas: number;
  readonly hostNetwork: boolean;
}

/** `policyDefaultLocalCluster` is the Helm value of `policy-default-local-cluster` in cilium-config. */
export interface WhatIfQuestion {
  readonly key: "policyDefaultLocalCluster";
  readonly value: boolean;
}

/** The pods of other clusters that a selector matches only with one of the two values. */
export interface RemotePeers {
  /** What they get from the change: `gain` or `lose` the access that this rule decides about. */
  readonly access: "gain" | "lose";
  /** Pods, replicas of workloads, or identities of a cluster whose pods were not supplied. */
  readonly count: number;
  readonly names: readonly string[];
  /** Those that are not in `names`: a workload has one name for all its replicas. */
  readonly moreNames?: number;
  /** Why the count is not complete. */
  readonly incomplete?: string;
}

/** One selector of a policy whose meaning would change. */
export interface WhatIfChange {
  readonly kind: UserPolicy["kind"];
  readonly namespace: string;
  readonly name: string;
  /** `spec.ingress[0].fromEndpoints[1]`. */
  readonly path: string;
  readonly direction: "ingress" | "egress";
  readonly verdict: "allow" | "deny";
  readonly now: string;
  readonly after: string;
  /** Absent where the change is no matter of other clusters. */
  readonly remote?: RemotePeers;
  /** The known defect of Cilium behind the change, and the versions that have it. */
  readonly defect?: string;
  /** What to write so that the selector keeps its meaning. */
  readonly remedy: string;
}

export interface WhatIfCluster {
  readonly cluster: string;
  /** Absent if cilium-config could not be read: then nothing is judged. */
  readonly now?: boolean;
  /** Where `now` is from. */
  readonly source: string;
  readonly after: boolean;
  readonly changes: readonly WhatIfChange[];
  /** Policies, or a part of them, that have no effect with either value, and why. */
  readonly withoutEffect?: readonly string[];
}

export interface WhatIfReport extends WhatIfQuestion {
  readonly clusters: readonly WhatIfCluster[];
  readonly unread: readonly Finding[];
}
