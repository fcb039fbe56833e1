import type { PolicyObject } from "#harness/model/mesh-snapshot.ts";
import { deniesByDefault, type Side } from "./default-deny.ts";
import { bareKey, clusterKey, labelsMatch, namespaceKey, namespaceLabel } from "./policy-model.ts";

type Rule = Readonly<Record<string, unknown>>;

/** What a policy may select: a pod, or an endpoint of Cilium's own (`reserved: ["health"]`), which is in no namespace. */
export interface PolicySubject {
  readonly cluster: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly reserved: readonly string[];
}

/** The entities that nodes of other clusters are, before and after the clusters know each other, or that hold them. */
const nodeEntities = ["all", "world", "world-ipv4", "world-ipv6", "remote-node", "cluster"];
/** Peers that only pods of the cluster or its own nodes can be; all others are taken for a way through. */
const podKeys = ["Endpoints", "Requires"];

const isList = (value: unknown): value is readonly Rule[] => Array.isArray(value);
const rulesOf = (spec: Rule, key: string): readonly Rule[] => {
  const rules = spec[key];
  return isList(rules) ? rules : [];
};

interface Asked {
  readonly subject: PolicySubject;
  readonly side: Side;
  /** cilium-config, as far as it is known. */
  readonly settings: Readonly<Record<string, string | undefined>>;
}

/** Whether a rule of a policy puts the subject under default deny in one direction; false where that is not clear. */
export function selectsFor(policy: PolicyObject, spec: Rule, { subject, side, settings }: Asked): boolean {
  return selects(policy, spec, subject) && deniesByDefault({ kind: policy.kind, spec }, side, settings);
}

/**
 * Whether a rule lets nodes of other clusters through at one of these ports; undefined if it does neither. What cannot
 * be judged (CIDRs, DNS names, named ports) counts as a way through, so that only certain cases are reported.
 */
export function letsIn(
  policy: PolicyObject,
  spec: Rule,
  {
    subject,
    side,
    ports,
  }: { readonly subject: PolicySubject; readonly side: Side; readonly ports: readonly number[] },
): "allowed" | "denied" | undefined {
  if (!selects(policy, spec, subject)) return undefined;
  const word = side === "ingress" ? "from" : "to";
  if (policy.kind === "NetworkPolicy") {
    const open = rulesOf(spec, side).some((rule) => {
      const peers = rulesOf(rule, word);
      return (peers.length === 0 || peers.some((p) => p.ipBlock !== undefined)) && atPort(rule.ports, ports);
    });
    return open ? "allowed" : undefined;
  }
  const denies = rulesOf(spec, `${side}Deny`).some(
    (rule) => deniesNodes(rule, word) && coversPorts(rule, ports),
  );
  if (denies) return "denied";
  const clusterwide = policy.kind === "CiliumClusterwideNetworkPolicy";
  const opens = rulesOf(spec, side).some(
    (rule) => admitsNodes(rule, { word, clusterwide }) && atToPorts(rule, ports),
  );
  return opens ? "allowed" : undefined;
}

function selects(policy: PolicyObject, spec: Rule, subject: PolicySubject): boolean {
  if (policy.namespace !== "" && policy.namespace !== subject.namespace) return false;
  const selector = policy.kind === "NetworkPolicy" ? spec.podSelector : spec.endpointSelector;
  if (typeof selector !== "object" || selector === null) return false;
  try {
    return labelsMatch(selector, (key) => labelOf(subject, key));
  } catch {
    // An operator that is not known.
    return false;
  }
}

function labelOf({ cluster, namespace, labels, reserved }: PolicySubject, key: string): string | undefined {
  const own = /^reserved[:.](.+)$/.exec(key)?.[1];
  if (own !== undefined) return reserved.includes(own) ? "" : undefined;
  const bare = bareKey(key);
  if (namespace === "") return undefined;
  if (bare === clusterKey) return cluster;
  if (bare === namespaceKey || bare === `${namespaceLabel}kubernetes.io/metadata.name`) return namespace;
  return labels[bare];
}

/** A rule with only ports admits everybody; an empty one nobody. */
function admitsNodes(
  rule: Rule,
  { word, clusterwide }: { readonly word: string; readonly clusterwide: boolean },
): boolean {
  const peers = Object.keys(rule).filter((key) => key.startsWith(word) && key !== "toPorts");
  if (peers.length === 0) return rule.toPorts !== undefined || rule.icmps !== undefined;
  return peers.some((key) => {
    const kind = key.slice(word.length);
    if (kind === "Entities")
      return ((rule[key] ?? []) as readonly string[]).some((entity) => nodeEntities.includes(entity));
    // Of groups of CIDRs that do not exist.
    if (kind === "CIDRSet" && rulesOf(rule, key).length === 0) return false;
    if (!podKeys.includes(kind)) return true;
    return rulesOf(rule, key).some((selector) => {
      const keys = JSON.stringify(selector);
      return keys.includes("reserved") || (clusterwide && !/"match(?:Labels|Expressions)":[{[]"/.test(keys));
    });
  });
}

function deniesNodes(rule: Rule, word: string): boolean {
  const entities = (rule[`${word}Entities`] ?? []) as readonly string[];
  const cidrs = [
    ...((rule[`${word}CIDR`] ?? []) as readonly string[]),
    ...rulesOf(rule, `${word}CIDRSet`).map((c) => String(c.cidr)),
  ];
  return (
    entities.includes("all") ||
    (entities.includes("world") && entities.includes("remote-node")) ||
    cidrs.includes("0.0.0.0/0")
  );
}

interface Port {
  readonly port?: string | number;
  readonly endPort?: number;
  readonly protocol?: string;
}

/** No list, and an empty one, mean every port. */
function atPort(list: unknown, ports: readonly number[]): boolean {
  if (!Array.isArray(list) || list.length === 0) return true;
  return (list as readonly Port[]).some(({ port, endPort, protocol = "TCP" }) => {
    if (protocol !== "TCP" && protocol !== "ANY") return false;
    const first = Number(port ?? 0);
    return first === 0 || Number.isNaN(first) || ports.some((p) => first <= p && p <= (endPort ?? first));
  });
}

function atToPorts(rule: Rule, ports: readonly number[]): boolean {
  if (rule.toPorts === undefined) return true;
  return rulesOf(rule, "toPorts").some((entry) => atPort(entry.ports, ports));
}

/** A denial with ports leaves the others. */
function coversPorts(rule: Rule, ports: readonly number[]): boolean {
  if (rule.toPorts === undefined) return rule.icmps === undefined;
  return ports.every((p) => atToPorts(rule, [p]));
}
