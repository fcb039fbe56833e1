import { textsIn } from "#harness/lib/value-at.ts";
import type { PolicyObject } from "#harness/model/mesh-snapshot.ts";
import type { Side } from "./default-deny.ts";
import { labelFilter } from "./identity-label-filter.ts";
import { bareKey, labelsMatch, listOf } from "./policy-model.ts";

// Policies of the host firewall: clusterwide ones with a nodeSelector (Documentation/security/policy/host.rst@1.20.2).

type Rule = Readonly<Record<string, unknown>>;
type Settings = Readonly<Record<string, string>>;

/** What a node must receive from nodes of other clusters, or send to them. */
export interface NodeTraffic {
  readonly side: Side;
  readonly protocol: "TCP" | "UDP";
  readonly port: number;
}

/** Whether host policies drop anything at all. */
export const isHostFirewallOn = (settings: Settings): boolean =>
  settings["enable-host-firewall"] === "true" &&
  settings["policy-audit-mode"] !== "true" &&
  settings["enable-policy"] !== "never";

const keysOf = (selector: Rule): string[] => [
  ...Object.keys((selector.matchLabels ?? {}) as object),
  ...listOf(selector.matchExpressions).map((e) => String(e.key)),
];

/**
 * Whether a rule of a policy selects a node; undefined where that cannot be known. A host endpoint has the node's labels as
 * far as the filter of a pod's labels keeps them (`InitWithNodeLabels`, pkg/endpoint/endpoint.go@1.20.2).
 */
export function selectsHost(
  { kind }: PolicyObject,
  { nodeSelector }: Rule,
  {
    labels,
    settings,
  }: { readonly labels: Readonly<Record<string, string>> | undefined; readonly settings: Settings },
): boolean | undefined {
  if (kind !== "CiliumClusterwideNetworkPolicy" || typeof nodeSelector !== "object" || nodeSelector === null)
    return false;
  const keys = keysOf(nodeSelector as Rule).filter((key) => !/^reserved[:.]/.test(key));
  const keeps = labelFilter({ settings });
  if (keys.length > 0 && (labels === undefined || keeps === undefined)) return undefined;
  try {
    return labelsMatch(nodeSelector, (key) => {
      const reserved = /^reserved[:.](.+)$/.exec(key)?.[1];
      if (reserved !== undefined) return reserved === "host" ? "" : undefined;
      const bare = bareKey(key);
      return keeps?.(bare) === true ? labels?.[bare] : undefined;
    });
  } catch {
    return undefined;
  }
}

/**
 * Nodes of the mesh, those of other clusters too, have the identity remote-node. CIDRs, names and `world` do not mean
 * them, unless policy-cidr-match-mode has `nodes` (Documentation/security/policy/language.rst@1.20.2, CIDR based;
 * cilium/cilium#31712).
 */
const nodeEntities = ["all", "remote-node", "cluster"];
const outside = ["CIDR", "CIDRSet", "FQDNs", "Groups"];

function meansNodes(rule: Rule, side: Side, settings: Settings): boolean {
  const word = side === "ingress" ? "from" : "to";
  const peers = Object.keys(rule).filter((key) => key.startsWith(word) && key !== "toPorts");
  if (peers.length === 0) return rule.toPorts !== undefined;
  const withCidrs = (settings["policy-cidr-match-mode"] ?? "").includes("nodes");
  return peers.some((key) => {
    const kind = key.slice(word.length);
    if (kind === "Entities") return textsIn(rule[key]).some((entity) => nodeEntities.includes(entity));
    // An empty list is of groups of CIDRs that do not exist.
    if (outside.includes(kind)) return withCidrs && Array.isArray(rule[key]) && rule[key].length > 0;
    // Others are taken for a way through, except for selectors of endpoints by their own labels.
    if (kind !== "Endpoints" || settings["enable-node-selector-labels"] === "true") return true;
    return listOf(rule[key]).some((selector) => {
      const keys = keysOf(selector).filter((k) => /^reserved[:.]/.test(k));
      if (selector.matchExpressions !== undefined) return keys.length > 0;
      return keysOf(selector).length === 0 || keys.some((k) => k.endsWith("remote-node"));
    });
  });
}

/** A list without ports means any; whether the name of a port does is `named`. */
function hasPort(rule: Rule, { protocol, port }: NodeTraffic, named: boolean): boolean {
  // A rule with `icmps` is about those alone.
  if (rule.toPorts === undefined) return rule.icmps === undefined;
  return listOf(rule.toPorts).some((entry) => {
    const ports = listOf(entry.ports);
    return (
      ports.length === 0 ||
      ports.some((p) => {
        if (p.protocol !== undefined && p.protocol !== "ANY" && p.protocol !== protocol) return false;
        const first = Number(p.port ?? 0);
        if (Number.isNaN(first)) return named;
        return first === 0 || (first <= port && port <= Number(p.endPort ?? first));
      })
    );
  });
}

/** Whether a rule that selects a node lets traffic with nodes of other clusters through; undefined if it does neither. */
export function hostVerdict(
  spec: Rule,
  traffic: NodeTraffic,
  settings: Settings,
): "allowed" | "denied" | undefined {
  const { side } = traffic;
  const word = side === "ingress" ? "from" : "to";
  const denies = listOf(spec[`${side}Deny`]).some((rule) => {
    const isForAll = !Object.keys(rule).some((key) => key.startsWith(word) && key !== "toPorts");
    const isTheirs = textsIn(rule[`${word}Entities`]).some((entity) => nodeEntities.includes(entity));
    return ((isForAll && rule.toPorts !== undefined) || isTheirs) && hasPort(rule, traffic, false);
  });
  if (denies) return "denied";
  const allows = listOf(spec[side]).some(
    (rule) => meansNodes(rule, side, settings) && hasPort(rule, traffic, true),
  );
  return allows ? "allowed" : undefined;
}
