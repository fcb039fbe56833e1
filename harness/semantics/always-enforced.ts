// What is cut off where policies are enforced on every endpoint, though none selects it.
import { modelPolicies } from "./own-cluster-selectors.ts";
import { type PolicyCluster, perhaps } from "./policy-clusters.ts";
import { listOf, type ModelPod, type ModelPolicy, selectsSubject } from "./policy-model.ts";

const sides = ["ingress", "egress"] as const;
type Side = (typeof sides)[number];

/** A program that a mesh needs, and that runs as an endpoint. */
export interface NeededPart {
  readonly title: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** What must get in and out: `TCP 2379`. */
  readonly needs: Readonly<Record<Side, string>>;
}

/** A part with the directions in which no policy opens it. */
interface CutOff {
  readonly part: NeededPart;
  readonly sides: readonly Side[];
}

const mayOpen = (policy: ModelPolicy, pod: ModelPod, side: Side): boolean =>
  perhaps(() => listOf(policy.spec[side]).length > 0 && selectsSubject(policy, pod));

/**
 * With `enable-policy: always` an endpoint that no policy selects lets nothing in or out
 * (Documentation/security/policy/intro.rst@1.20.2, Policy Enforcement Modes; `computePolicyEnforcementAndRules`,
 * pkg/policy/repository.go@1.20.2). A policy with rules for a direction is taken to let through what is needed.
 */
export function cutOff(cluster: PolicyCluster, parts: readonly NeededPart[]): CutOff[] {
  if (cluster.enforcement !== "always") return [];
  const policies = modelPolicies(cluster.name, cluster.policies).map(({ model }) => model);
  return parts.flatMap((part): CutOff[] => {
    const { namespace, labels } = part;
    const pod: ModelPod = {
      ...{ cluster: cluster.name, namespace, labels },
      namespaceLabels: { "kubernetes.io/metadata.name": namespace },
    };
    const shut = sides.filter((side) => !policies.some((p) => mayOpen(p, pod, side)));
    return shut.length === 0 ? [] : [{ part, sides: shut }];
  });
}
