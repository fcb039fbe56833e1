import { isMapping } from "#harness/lib/value-at.ts";
import type { ServiceState } from "#harness/model/mesh-snapshot.ts";
import { modelPolicies } from "#harness/semantics/own-cluster-selectors.ts";
import { certainly } from "#harness/semantics/policy-clusters.ts";
import { bareKey, labelsMatch, listOf, namespaceKey } from "#harness/semantics/policy-model.ts";
import { known } from "./parts.ts";
import type { Member } from "./policy-members.ts";

type Json = Readonly<Record<string, unknown>>;

/** A cluster whose policies name pods where they named services. */
export interface ResolvedMember extends Member {
  /** The selectors that stand for a service. */
  readonly ofServices: ReadonlySet<unknown>;
}

/**
 * A cluster's policies as its agents take `toServices`: for a service with a selector, the pods that it selects in its
 * namespace; one without gives CIDRs, which no pod is part of (`processRule`, pkg/policy/k8s/service.go@1.19.7). Only rules
 * that allow are resolved.
 */
export function withServicePeers(member: Member): ResolvedMember {
  const services = known(member.snapshot.services);
  const ofServices = new Set<unknown>();
  const policies = member.policies.map((policy) =>
    policy.kind === "NetworkPolicy"
      ? policy
      : {
          ...policy,
          specs: policy.specs.map(({ path, spec }) => ({ path, spec: resolved(spec, services, ofServices) })),
        },
  );
  return { ...member, policies, models: modelPolicies(member.name, policies), ofServices };
}

function resolved(spec: Json, services: readonly ServiceState[], ofServices: Set<unknown>): Json {
  const rules = listOf(spec.egress);
  if (!rules.some((rule) => Array.isArray(rule.toServices))) return spec;
  return { ...spec, egress: rules.map((rule) => resolvedRule(rule, services, ofServices)) };
}

/** With `toServices` as it is where its meaning is not known: then the policy counts as unclear. */
function resolvedRule(rule: Json, services: readonly ServiceState[], ofServices: Set<unknown>): Json {
  const { toServices, ...others } = rule;
  const named = listOf(toServices);
  const needsLabels = named.some((peer) => isMapping(peer.k8sServiceSelector));
  const isKnown = !needsLabels || services.every((s) => s.labels !== undefined);
  if (!Array.isArray(toServices) || !isKnown) return rule;
  const selectors = services
    .filter((s) => Object.keys(s.selector).length > 0 && named.some((peer) => names(peer, s)))
    .map(({ namespace, selector }) => ({ matchLabels: { ...selector, [`k8s:${namespaceKey}`]: namespace } }));
  for (const selector of selectors) ofServices.add(selector);
  return { ...others, toEndpoints: [...listOf(others.toEndpoints), ...selectors] };
}

/** `serviceSelectorMatches` and `serviceRefMatches` there: no namespace means every one. */
function names({ k8sServiceSelector: byLabels, k8sService: byName }: Json, service: ServiceState): boolean {
  const { labels = {}, namespace, name } = service;
  const isIn = (own: unknown): boolean => (own ?? "") === "" || own === namespace;
  if (isMapping(byLabels)) {
    const { selector } = byLabels;
    return isIn(byLabels.namespace) && certainly(() => labelsMatch(selector, (key) => labels[bareKey(key)]));
  }
  return isMapping(byName) && isIn(byName.namespace) && byName.serviceName === name;
}
