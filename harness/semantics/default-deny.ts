export type Side = "ingress" | "egress";

/** A rule of a policy, and the kind of the policy that has it. */
interface RuleOf {
  readonly kind: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

const isFilled = (value: unknown): boolean => Array.isArray(value) && value.length > 0;

/**
 * Whether a rule is about one direction at all. Cilium: it has rules there (`RulesToPolicyEntries`,
 * pkg/policy/utils/parserules.go@1.20.2). Kubernetes: it has some, or `policyTypes` names the direction, and ingress is
 * meant where it names none (`ParseNetworkPolicy`, pkg/k8s/network_policy.go@1.20.2).
 */
export function hasSection({ kind, spec }: RuleOf, side: Side): boolean {
  if (kind !== "NetworkPolicy") return isFilled(spec[side]) || isFilled(spec[`${side}Deny`]);
  const types = Array.isArray(spec.policyTypes) ? spec.policyTypes.map((t) => String(t).toLowerCase()) : [];
  return isFilled(spec[side]) || types.includes(side) || (side === "ingress" && !types.includes("egress"));
}

/**
 * Whether a rule denies to all that it selects what no rule allows, in one direction: one such rule is enough, and rules of
 * a denial count. `enableDefaultDeny` turns it off, unless `enable-non-default-deny-policies` of the cluster is false
 * (`Sanitize`, pkg/policy/api/rule_validation.go@1.20.2). `settings`: cilium-config, as far as it is known.
 */
export function deniesByDefault(
  rule: RuleOf,
  side: Side,
  settings: Readonly<Record<string, string | undefined>> = {},
): boolean {
  if (!hasSection(rule, side)) return false;
  if (rule.kind === "NetworkPolicy" || settings["enable-non-default-deny-policies"] === "false") return true;
  const { enableDefaultDeny } = rule.spec;
  return (enableDefaultDeny as Readonly<Record<string, unknown>> | undefined)?.[side] !== false;
}
