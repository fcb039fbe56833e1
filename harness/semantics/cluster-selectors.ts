import type { UserPolicy } from "#harness/model/what-if.ts";
import {
  bareKey,
  clusterKey,
  isReserved,
  keysOf,
  labelsMatch,
  listOf,
  namespaceKey,
  namespaceLabel,
  podsNameCluster,
  type Selector,
} from "./policy-model.ts";

/** Labels of a pod as Cilium's identities carry them, without their source. */
export type IdentityLabels = Readonly<Record<string, string>>;

/** A peer selector that names no cluster: `policy-default-local-cluster` decides which clusters it selects from. */
export interface OpenSelector {
  readonly path: string;
  readonly direction: "ingress" | "egress";
  readonly verdict: "allow" | "deny";
  /** `service`: `toServices`, from which Cilium makes a selector of the service's pods. */
  readonly peers: "pods" | "nodes" | "service";
  /** A NetworkPolicy's empty cluster label: Cilium writes the own cluster's name over it, or it selects nothing. */
  readonly emptyLabel?: true;
  /** Whether it selects a pod, whatever its cluster; absent where labels of pods do not decide. */
  readonly matches?: (labels: IdentityLabels) => boolean;
  /** The namespaced name that `toServices` holds; absent where it selects services by their labels. */
  readonly service?: { readonly namespace: string; readonly name: string };
}

/**
 * Cilium adds the cluster's name to peer selectors only (pkg/k8s/apis/cilium.io/utils `getEndpointSelector`,
 * pkg/k8s/network_policy.go `parseNetworkPolicyPeer`): not to the selector of the subject, entities, CIDRs, FQDNs.
 */
export function openSelectors(policy: UserPolicy): OpenSelector[] {
  return policy.specs.flatMap(({ path, spec }) =>
    policy.kind === "NetworkPolicy" ? ofKubernetes(policy, path, spec) : ofCilium(policy, path, spec),
  );
}

type Json = Readonly<Record<string, unknown>>;

function ofCilium({ namespace }: UserPolicy, path: string, spec: Json): OpenSelector[] {
  const subject = keysOf((spec.endpointSelector ?? {}) as Selector);
  const scope = { namespace, ofInit: subject.some((k) => k === "reserved:init" || k === "$init") };
  return (["ingress", "egress"] as const).flatMap((direction) =>
    (["allow", "deny"] as const).flatMap((verdict) => {
      const key = verdict === "allow" ? direction : `${direction}Deny`;
      return listOf(spec[key]).flatMap((rule, i) =>
        ofRule(scope, rule, { path: `${path}.${key}[${i}]`, direction, verdict }),
      );
    }),
  );
}

type Place = Pick<OpenSelector, "path" | "direction" | "verdict">;

/** A policy's namespace, empty for a clusterwide one; whether its subject are pods that get their identity first. */
interface Scope {
  readonly namespace: string;
  readonly ofInit: boolean;
}

function ofRule(scope: Scope, rule: Json, place: Place): OpenSelector[] {
  const word = place.direction === "ingress" ? "from" : "to";
  const at = (key: string, i: number): Place => ({ ...place, path: `${place.path}.${key}[${i}]` });
  const requires = `${word}Requires`;
  // Cilium up to 1.18 has `fromRequires` and `toRequires` too.
  const pods = [`${word}Endpoints`, requires].flatMap((key) =>
    listOf(rule[key]).flatMap((selector, i): OpenSelector[] =>
      // A selector of reserved labels is taken as it is; not as a requirement (1.18.11, `addK8sPrefix`).
      (key !== requires && keysOf(selector).some(isReserved)) || namesCluster(selector)
        ? []
        : [{ ...at(key, i), peers: "pods", matches: (labels) => selects(scope, selector, labels) }],
    ),
  );
  const nodes = listOf(rule[`${word}Nodes`]).flatMap((selector, i): OpenSelector[] =>
    namesCluster(selector) ? [] : [{ ...at(`${word}Nodes`, i), peers: "nodes" }],
  );
  // Cilium does not resolve `toServices` of deny rules.
  const services =
    place.direction === "ingress" || place.verdict === "deny"
      ? []
      : listOf(rule.toServices).map((service, i): OpenSelector => {
          const named = service.k8sService as { namespace?: string; serviceName?: string } | undefined;
          return {
            ...at("toServices", i),
            peers: "service",
            ...(named === undefined
              ? {}
              : { service: { namespace: named.namespace ?? "", name: named.serviceName ?? "" } }),
          };
        });
  return [...pods, ...nodes, ...services];
}

const namesCluster = (selector: Selector): boolean => keysOf(selector).some((k) => bareKey(k) === clusterKey);

function selects({ namespace, ofInit }: Scope, selector: Selector, labels: IdentityLabels): boolean {
  const keys = keysOf(selector).map(bareKey);
  // A clusterwide policy selects pods of every namespace; a namespaced one its own, unless it names another.
  const inNamespace =
    keys.includes(namespaceKey) ||
    (namespace === ""
      ? ofInit || labels[namespaceKey] !== undefined
      : keys.some((k) => k.startsWith(namespaceLabel)) || labels[namespaceKey] === namespace);
  return inNamespace && labelsMatch(selector, (key) => labels[bareKey(key)]);
}

function ofKubernetes(policy: UserPolicy, path: string, spec: Json): OpenSelector[] {
  return (["ingress", "egress"] as const).flatMap((direction) => {
    const word = direction === "ingress" ? "from" : "to";
    return listOf(spec[direction]).flatMap((rule, i) =>
      // Evidence of earlier versions has `_from`.
      listOf(rule[word] ?? rule[`_${word}`]).flatMap((peer, j): OpenSelector[] => {
        const podSelector = (peer.podSelector ?? {}) as Selector;
        if (peer.ipBlock !== undefined || podsNameCluster(podSelector)) return [];
        return [
          {
            path: `${path}.${direction}[${i}].${word}[${j}]`,
            direction,
            verdict: "allow",
            peers: "pods",
            ...(podSelector.matchLabels?.[clusterKey] === undefined ? {} : { emptyLabel: true }),
            matches: (labels) =>
              labelsMatch(inOwnNamespace(peer, podSelector), (key) => labels[key]) &&
              ((peer.namespaceSelector ?? undefined) === undefined
                ? labels[namespaceKey] === policy.namespace
                : labelsMatch(peer.namespaceSelector, (key) => labels[`${namespaceLabel}${key}`])),
          },
        ];
      }),
    );
  });
}

/** Without a namespaceSelector Cilium sets the label of the namespace itself (`parsePodSelector`). */
function inOwnNamespace(peer: Json, podSelector: Selector): Selector {
  if ((peer.namespaceSelector ?? undefined) !== undefined) return podSelector;
  const { [namespaceKey]: _, ...matchLabels } = podSelector.matchLabels ?? {};
  return { ...podSelector, matchLabels };
}

/** Where a NetworkPolicy lets addresses in: some versions of Cilium make a pod selector of such a peer. */
export const ingressBlocks = (policy: UserPolicy): string[] =>
  policy.kind !== "NetworkPolicy"
    ? []
    : policy.specs.flatMap(({ path, spec }) =>
        listOf(spec.ingress).flatMap((rule, i) =>
          listOf(rule.from ?? rule._from).flatMap((peer, j) =>
            peer.ipBlock === undefined ? [] : [`${path}.ingress[${i}].from[${j}]`],
          ),
        ),
      );
