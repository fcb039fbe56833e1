import semver from "semver";
import { minorOf } from "#harness/lib/version.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { keysOf, listOf, type Selector } from "./policy-model.ts";

/** What decides whether a cluster's Cilium takes a policy at all; undefined where it is not known. */
export interface PolicyContext {
  readonly version: string | undefined;
  /** `enable-node-selector-labels`. */
  readonly nodeLabels: boolean | undefined;
  /** `enable-host-firewall`. */
  readonly hostFirewall: boolean | undefined;
  /** `enable-l7-proxy`. */
  readonly l7Proxy?: boolean | undefined;
}

/** The specs that can have an effect; `why` the others have none. */
interface PolicyEffect {
  readonly specs: UserPolicy["specs"];
  readonly why?: string;
}

type Json = Readonly<Record<string, unknown>>;

/** What is not known is taken as having its effect. */
export function effectOf(policy: UserPolicy, context: PolicyContext): PolicyEffect {
  if (policy.kind === "NetworkPolicy") return { specs: policy.specs };
  const refused = refusalOf(policy, context);
  // An agent refuses a policy as a whole.
  if (refused !== undefined) return { specs: [], why: `Cilium refuses it: ${refused}` };
  // pkg/policy/repository.go of 1.20.2, `computePolicyEnforcementAndRules`.
  if (context.hostFirewall !== false) return { specs: policy.specs };
  const ofPods = policy.specs.filter(({ spec }) => !isSet(spec.nodeSelector));
  if (ofPods.length === policy.specs.length) return { specs: ofPods };
  return { specs: ofPods, why: "without enable-host-firewall a nodeSelector selects nothing" };
}

/** The settings that turn each kind of policy off. */
const switches: Readonly<Record<UserPolicy["kind"], string>> = {
  NetworkPolicy: "enable-k8s-networkpolicy",
  CiliumNetworkPolicy: "enable-cilium-network-policy",
  CiliumClusterwideNetworkPolicy: "enable-cilium-clusterwide-network-policy",
};

type Settings = Readonly<Record<string, string | undefined>>;

/** The policies of kinds that are on. */
export const switchedOn = <P extends Pick<UserPolicy, "kind">>(
  policies: readonly P[],
  settings: Settings,
): P[] => policies.filter((p) => settings[switches[p.kind]] !== "false");

/** Policies with the specs that can have an effect in a cluster. */
export const inEffect = (
  policies: readonly UserPolicy[],
  settings: Settings,
  context: PolicyContext,
): UserPolicy[] =>
  switchedOn(policies, settings).map((policy) => {
    const { specs } = effectOf(policy, context);
    // Then agents take no notice of it (`Sanitize`, pkg/policy/api/rule_validation.go@1.20.2).
    const isIgnored = settings["enable-non-default-deny-policies"] === "false";
    return {
      ...policy,
      specs: isIgnored
        ? specs.map(({ path, spec: { enableDefaultDeny: _, ...spec } }) => ({ path, spec }))
        : specs,
    };
  });

/** `Sanitize` in pkg/policy/api/rule_validation.go and `Parse` in pkg/k8s/apis/cilium.io/v2/cnp_types.go of 1.20.2. */
const refusalOf = (policy: UserPolicy, context: PolicyContext): string | undefined =>
  wrongShape(policy) ?? refusedPart(policy, context);

/** What no version takes; a file may hold but a part of a policy, such as a patch. */
function wrongShape(policy: UserPolicy): string | undefined {
  const specs = policy.specs.map(({ spec }) => spec);
  if (policy.kind === "CiliumNetworkPolicy" && specs.some((spec) => isSet(spec.nodeSelector)))
    return "only a clusterwide policy can have a nodeSelector";
  if (specs.length === 0) return "it has neither spec nor specs";
  if (specs.some((spec) => isSet(spec.nodeSelector) === isSet(spec.endpointSelector)))
    return "each spec needs either an endpointSelector or a nodeSelector";
  if (specs.some((spec) => directions.every((key) => isEmpty(spec[key]))))
    return `each spec needs a rule, which may be empty, in one of ${directions.join(", ")}`;
  return undefined;
}

/** What these agents do not take, by their version or their settings. */
export function refusedPart(
  policy: UserPolicy,
  { version, nodeLabels, l7Proxy }: PolicyContext,
): string | undefined {
  if (policy.kind === "NetworkPolicy") return undefined;
  const specs = policy.specs.map(({ spec }) => spec);
  const since = (first: string): boolean => version !== undefined && semver.gte(version, first);
  const holds = (...keys: string[]): boolean =>
    specs.some((spec) => rulesOf(spec).some((rule) => keys.some((key) => listOf(rule[key]).length > 0)));
  // pkg/policy/api/ingress.go: a list of strings that must be empty since 1.19.
  if (since("1.19.0") && holds("fromRequires", "toRequires"))
    return "Cilium 1.19 and later have no fromRequires and toRequires";
  // pkg/policy/api/selector.go, `Sanitize`: 1.20 checks a key before it reads `$host` as `reserved:host`.
  if (since("1.20.0") && specs.flatMap(selectorKeys).some((key) => key.startsWith("$")))
    return "Cilium 1.20 and later do not accept `$` in a label's key; its long form is `reserved:`";
  const before = (first: string): boolean => version !== undefined && semver.lt(version, first);
  for (const [kind, names] of Object.entries(newWords))
    for (const [name, first] of Object.entries(names))
      if (before(first) && specs.some((spec) => wordsIn(spec)[kind]?.includes(name)))
        return `Cilium before ${minorOf(first)} does not have ${kind} ${name}`;
  if (nodeLabels === false && holds("fromNodes", "toNodes"))
    return "fromNodes and toNodes need enable-node-selector-labels";
  // `countL7Rules` there, of ingress and egress alike.
  if (l7Proxy === false && specs.some((spec) => rulesOf(spec).some(hasL7Rules)))
    return "rules for HTTP and DNS need enable-l7-proxy";
  return undefined;
}

const hasL7Rules = (rule: Json): boolean =>
  listOf(rule.toPorts).some(({ rules }) =>
    ["http", "dns"].some((kind) => listOf((rules as Json | undefined)?.[kind]).length > 0),
  );

/**
 * Entities and protocols that a release brought: before it, an agent refuses a policy with one of them. pkg/policy/api of
 * 1.19.7 and 1.20.2: EntitySelectorMapping in entity.go, L4Proto.Validate in utils.go.
 */
const newWords: Readonly<Record<"entity" | "protocol", Readonly<Record<string, string>>>> = {
  entity: { "cluster-mesh": "1.20.0" },
  protocol: Object.fromEntries(["GRE", "IPIP", "IPV6", "ESP", "AH"].map((name) => [name, "1.20.0"])),
};

const wordsIn = (spec: Json): Readonly<Record<string, readonly string[]>> => ({
  entity: rulesOf(spec).flatMap((rule) => [rule.fromEntities, rule.toEntities].flat().map(String)),
  protocol: rulesOf(spec)
    .flatMap((rule) => listOf(rule.toPorts))
    .flatMap((entry) => listOf(entry.ports))
    .map(({ protocol }) => String(protocol).toUpperCase()),
});

const isSet = (value: unknown): boolean => value !== undefined && value !== null;

const isEmpty = (value: unknown): boolean => !Array.isArray(value) || value.length === 0;

const directions = ["ingress", "ingressDeny", "egress", "egressDeny"];
const rulesOf = (spec: Json): readonly Json[] => directions.flatMap((key) => listOf(spec[key]));

const selectorKeys = (spec: Json): string[] => [
  ...[spec.endpointSelector, spec.nodeSelector].flatMap((s) => keysOf((s ?? {}) as Selector)),
  ...rulesOf(spec).flatMap((rule) =>
    ["fromEndpoints", "toEndpoints", "fromNodes", "toNodes"].flatMap((key) =>
      listOf(rule[key]).flatMap(keysOf),
    ),
  ),
];
