import { deniesByDefault, hasSection } from "./default-deny.ts";

/** Labels that a pod has from elsewhere. */
export type UnknownLabels = "namespace" | "serviceAccount";

/** A pod as policies see it. */
export interface ModelPod {
  readonly cluster: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly namespaceLabels: Readonly<Record<string, string>>;
  readonly serviceAccount?: string;
  /** Where it may have labels besides: a selector that one of them could decide is unclear. */
  readonly unknownLabels?: readonly UnknownLabels[];
  /** Numbers of its named container ports; absent where they are not known. */
  readonly portNames?: Readonly<Record<string, number>>;
}

/** A CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy or NetworkPolicy in one cluster. */
export interface ModelPolicy {
  readonly cluster: string;
  readonly kind: string;
  /** Empty for a clusterwide one. */
  readonly namespace: string;
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: a policy's spec, of either kind; unknown parts give `unclear`.
  readonly spec: any;
}

export interface Connection {
  readonly from: ModelPod;
  readonly to: ModelPod;
  readonly port: number;
  /** TCP if absent. */
  readonly protocol?: "TCP" | "UDP";
}

/** `policyEnforcementMode` of a cluster. */
export type Enforcement = "default" | "always" | "never";

/** In audit mode (`policy-audit-mode`) what a policy denies is let through too. */
export function enforcementOf(settings: Readonly<Record<string, string | undefined>>): Enforcement {
  const mode = settings["enable-policy"];
  if (mode === "never" || settings["policy-audit-mode"] === "true") return "never";
  return mode === "always" ? "always" : "default";
}

export interface PolicyVerdict {
  /** `unclear`: a policy contains something that this model does not support. */
  readonly verdict: "allow" | "deny" | "unclear";
  /** The policies that decided, or the unsupported parts. */
  readonly why: readonly string[];
}

export const clusterKey = "io.cilium.k8s.policy.cluster";
export const namespaceKey = "io.kubernetes.pod.namespace";
export const namespaceLabel = "io.cilium.k8s.namespace.labels.";
export const serviceAccountKey = "io.cilium.k8s.policy.serviceaccount";

/** Thrown for a policy that this model does not support. */
class Unclear extends Error {}

/**
 * Whether policies allow a connection between two pods (Cilium's "Layer 3" and "Layer 4" policy guides). A policy
 * applies in one cluster: policies of the server's cluster decide on ingress, those of the client's on egress.
 * `defaultsToLocal`: whether a selector without a cluster label selects only its own cluster (policyDefaultLocalCluster).
 */
export function policySays(
  policies: readonly ModelPolicy[],
  connection: Connection,
  defaultsToLocal: (cluster: string) => boolean,
  enforcementOf: (cluster: string) => Enforcement = () => "default",
): PolicyVerdict {
  const sides = (["ingress", "egress"] as const).map((side) => {
    const { cluster } = side === "ingress" ? connection.to : connection.from;
    return sideSays(
      side,
      policies.filter((p) => p.cluster === cluster),
      connection,
      { local: defaultsToLocal(cluster), enforcement: enforcementOf(cluster) },
    );
  });
  const why = sides.flatMap((s) => s.why);
  if (sides.some((s) => s.verdict === "deny")) return { verdict: "deny", why };
  return { verdict: sides.some((s) => s.verdict === "unclear") ? "unclear" : "allow", why };
}

/** How a policy is named in verdicts. */
const labelOf = ({ cluster, namespace, name }: ModelPolicy): string =>
  [cluster, namespace, name].filter((part) => part !== "").join("/");

function sideSays(
  side: "ingress" | "egress",
  policies: readonly ModelPolicy[],
  connection: Connection,
  { local, enforcement }: { readonly local: boolean; readonly enforcement: Enforcement },
): PolicyVerdict {
  if (enforcement === "never") return { verdict: "allow", why: [] };
  const { from, to } = connection;
  const [subject, peer] = side === "ingress" ? [to, from] : [from, to];
  const why: string[] = [];
  let enforced = enforcement === "always";
  let allowed = false;
  let denied = false;
  let unclear = false;
  for (const policy of policies) {
    const name = labelOf(policy);
    try {
      if (!selectsSubject(policy, subject) || !hasSection(policy, side)) continue;
      enforced ||= deniesByDefault(policy, side);
      const hits = (rules: readonly unknown[] | undefined): boolean =>
        (rules ?? []).some(
          (rule) =>
            peersMatch(policy, rule, { side, peer, local }) && portsMatch(policy, rule, { side, connection }),
        );
      if (hits(policy.spec[side])) {
        allowed = true;
        why.push(`${name} allows it`);
      }
      if (hits(policy.spec[`${side}Deny`])) {
        denied = true;
        why.push(`${name} denies it`);
      }
    } catch (error) {
      if (!(error instanceof Unclear)) throw error;
      unclear = true;
      why.push(`${name}: ${error.message}`);
    }
  }
  if (denied) return { verdict: "deny", why };
  // An unsupported rule could have allowed or denied the connection.
  if (unclear) return { verdict: "unclear", why };
  if (enforced && !allowed) return { verdict: "deny", why: [...why, `nothing allows its ${side}`] };
  return { verdict: "allow", why };
}

/** Throws where it cannot be known. */
export function selectsSubject(policy: ModelPolicy, pod: ModelPod): boolean {
  const { kind, namespace, spec } = policy;
  if (kind === "CiliumClusterwideNetworkPolicy") {
    // A host policy: it selects nodes.
    if (spec.nodeSelector !== undefined) return false;
  } else if (namespace !== pod.namespace) return false;
  if (kind === "NetworkPolicy") return labelsMatch(spec.podSelector ?? {}, (key) => pod.labels[key]);
  if (spec.endpointSelector === undefined) throw new Unclear("it selects no endpoints");
  return labelsMatch(spec.endpointSelector, labelsOf(pod));
}

/** Labels of a pod's identity, by key: its own, and those that Cilium derives. */
const labelsOf =
  (pod: ModelPod) =>
  (key: string): string | undefined => {
    const bare = bareKey(key);
    if (bare === clusterKey) return pod.cluster;
    if (bare === namespaceKey) return pod.namespace;
    if (bare === serviceAccountKey) return orUnclear(pod, "serviceAccount", pod.serviceAccount);
    if (bare.startsWith(namespaceLabel)) return labelOfNamespace(pod, bare.slice(namespaceLabel.length));
    return pod.labels[bare];
  };

const labelOfNamespace = (pod: ModelPod, key: string): string | undefined =>
  orUnclear(pod, "namespace", pod.namespaceLabels[key]);

function orUnclear(
  { namespace, unknownLabels = [] }: ModelPod,
  of: UnknownLabels,
  value: string | undefined,
): string | undefined {
  if (value === undefined && unknownLabels.includes(of))
    throw new Unclear(
      of === "namespace"
        ? `labels of namespace ${namespace} are not known`
        : `a service account in ${namespace} is not known`,
    );
  return value;
}

/** A rule with only ports matches every peer; one with an empty list of peers matches none. Throws where it cannot be known. */
export function peersMatch(
  policy: ModelPolicy,
  rule: unknown,
  { side, peer, local }: { side: "ingress" | "egress"; peer: ModelPod; local: boolean },
): boolean {
  const r = rule as Record<string, unknown>;
  const word = side === "ingress" ? "from" : "to";
  if (policy.kind === "NetworkPolicy") {
    const other = Object.keys(r).find((key) => key !== "ports" && key !== word);
    // An unknown key for peers (older evidence has `_from`) must not turn it into a rule for every peer.
    if (other !== undefined) throw new Unclear(`${other} is not understood`);
    const peers = r[word] as readonly Record<string, unknown>[] | undefined;
    if (peers === undefined || peers.length === 0) return true;
    return peers.some((p) => kubernetesPeer(policy, p, peer, local));
  }
  const peers = [...peerKeys, ...outsideKeys].map((key) => `${word}${key}`);
  const other = Object.keys(r).find(
    (key) => !["toPorts", "icmps", ...peers].includes(key) && !isIdle(key, r[key]),
  );
  if (other !== undefined) throw new Unclear(`${other} is not understood`);
  for (const key of [`${word}Endpoints`, `${word}Entities`])
    if (!Array.isArray(r[key] ?? [])) throw new Unclear(`${key} is no list`);
  const endpoints = r[`${word}Endpoints`] as readonly unknown[] | undefined;
  const entities = r[`${word}Entities`] as readonly string[] | undefined;
  // An empty rule allows no peer: `ingress: [{}]` means default deny.
  if (peers.every((key) => r[key] === undefined)) return r.toPorts !== undefined;
  return (
    (endpoints ?? []).some((selector) => ciliumPeer(policy, selector, peer, local)) ||
    (entities ?? []).some((entity) => entityMatches(policy, entity, peer))
  );
}

/** Keys of a Cilium rule for peers, after `from` or `to`. */
export const peerKeys: readonly string[] = ["Endpoints", "Entities"];
/**
 * Keys for addresses outside the mesh and for nodes. They match no pod: an address with an identity of its own is none of
 * a CIDR's (Cilium's "Layer 3" guide, "CIDR based").
 */
export const outsideKeys: readonly string[] = ["CIDR", "CIDRSet", "FQDNs", "Nodes", "Groups"];

/** A key that changes nothing. */
const isIdle = (key: string, value: unknown): boolean =>
  value === undefined ||
  value === null ||
  (key === "authentication" && (value as { mode?: unknown }).mode === "disabled");

/** Entities for nodes and for the world outside match no pod of the mesh. */
export const outsideEntities: readonly string[] = [
  ...["host", "remote-node", "world", "world-ipv4", "world-ipv6", "kube-apiserver"],
  ...["health", "ingress", "init", "unmanaged", "none"],
];

function entityMatches(policy: ModelPolicy, entity: string, peer: ModelPod): boolean {
  if (entity === "all") return true;
  if (entity === "cluster") return peer.cluster === policy.cluster;
  if (outsideEntities.includes(entity)) return false;
  throw new Unclear(`entity ${entity} is not understood`);
}

export interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { key: string; operator: string; values?: readonly string[] }[];
}

export const keysOf = (s: Selector): string[] => [
  ...Object.keys(s.matchLabels ?? {}),
  ...(s.matchExpressions ?? []).map((e) => e.key),
];

function ciliumPeer(policy: ModelPolicy, selector: unknown, peer: ModelPod, local: boolean): boolean {
  const s = selector as Selector;
  const keys = keysOf(s).map(bareKey);
  // Cilium adds neither a cluster nor a namespace to reserved labels, which no pod of the mesh has.
  if (keys.some(isReserved)) return labelsMatch(s, labelsOf(peer));
  if (!keys.includes(clusterKey) && local && peer.cluster !== policy.cluster) return false;
  // A selector without a namespace label selects its own namespace; of a clusterwide policy, every one.
  if (
    policy.namespace !== "" &&
    !keys.some((k) => k === namespaceKey || k.startsWith(namespaceLabel)) &&
    peer.namespace !== policy.namespace
  )
    return false;
  return labelsMatch(s, labelsOf(peer));
}

/** Only the pod selector of a NetworkPolicy's peer counts, and an empty label does not (`isPodSelectorSelectingCluster`). */
export const podsNameCluster = ({ matchLabels = {}, matchExpressions = [] }: Selector): boolean =>
  (matchLabels[clusterKey] ?? "") !== "" || matchExpressions.some((e) => e.key === clusterKey);

function kubernetesPeer(
  policy: ModelPolicy,
  { podSelector, namespaceSelector, ipBlock }: Record<string, unknown>,
  peer: ModelPod,
  local: boolean,
): boolean {
  // Like a CIDR of Cilium's own policies: no pod's.
  if (ipBlock !== undefined) return false;
  const toLocal = local && !podsNameCluster((podSelector ?? {}) as Selector);
  if (toLocal && peer.cluster !== policy.cluster) return false;
  const inNamespace =
    (namespaceSelector ?? undefined) === undefined
      ? peer.namespace === policy.namespace
      : labelsMatch(namespaceSelector as Selector, (key) => labelOfNamespace(peer, key));
  return (
    inNamespace &&
    // Then Cilium writes the cluster's name over an empty label.
    labelsMatch((podSelector ?? {}) as Selector, (key) =>
      key === clusterKey ? (toLocal ? "" : peer.cluster) : peer.labels[key],
    )
  );
}

export function labelsMatch(selector: unknown, labelOf: (key: string) => string | undefined): boolean {
  const { matchLabels, matchExpressions } = selector as Selector;
  return (
    Object.entries(matchLabels ?? {}).every(([key, value]) => labelOf(key) === value) &&
    (matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      const value = labelOf(key);
      if (operator === "In") return value !== undefined && values.includes(value);
      if (operator === "NotIn") return value === undefined || !values.includes(value);
      if (operator === "Exists") return value !== undefined;
      if (operator === "DoesNotExist") return value === undefined;
      throw new Unclear(`operator ${operator} is not understood`);
    })
  );
}

/** Cilium's label sources, `k8s:` and `any:`, as the prefix of a key. */
export const bareKey = (key: string): string => key.replace(/^(k8s|any):/, "");

/** Labels that Cilium gives itself: `reserved:host`, or `$host` for short (pkg/labels/labels.go, `parseSource`). */
export const isReserved = (key: string): boolean => /^(reserved:|\$)/.test(key);

/** The objects of a list; of anything else none. */
export const listOf = (value: unknown): readonly (Readonly<Record<string, unknown>> & Selector)[] =>
  Array.isArray(value) ? value.filter((v) => typeof v === "object" && v !== null) : [];

interface Rule {
  readonly toPorts?: readonly ToPorts[];
  readonly ports?: readonly Port[];
  readonly icmps?: unknown;
}
interface ToPorts {
  readonly ports?: readonly Port[];
}

/** Parts of `toPorts` that a proxy decides on. */
export const proxyKeys: readonly string[] = [
  "rules",
  "listener",
  "serverNames",
  "terminatingTLS",
  "originatingTLS",
];

interface Asked {
  readonly side: "ingress" | "egress";
  readonly connection: Connection;
}

function portsMatch({ kind }: ModelPolicy, rule: unknown, asked: Asked): boolean {
  const { toPorts, ports, icmps } = rule as Rule;
  if (kind === "NetworkPolicy")
    return ports === undefined || ports.length === 0 || ports.some((p) => portMatches(p, "TCP", asked));
  // Such a rule is about ICMP alone.
  if (toPorts === undefined) return icmps === undefined;
  if (!Array.isArray(toPorts as unknown)) throw new Unclear("toPorts is no list");
  return toPorts.some((entry) => {
    const matches = entry.ports === undefined || entry.ports.some((p) => portMatches(p, "ANY", asked));
    const proxied = proxyKeys.find((key) => (entry as Readonly<Record<string, unknown>>)[key] !== undefined);
    if (matches && proxied !== undefined)
      throw new Unclear(proxied === "rules" ? "L7 rules are not understood" : `${proxied} is not understood`);
    return matches;
  });
}

interface Port {
  readonly port?: string | number;
  readonly endPort?: number;
  readonly protocol?: string;
}

/** Without a protocol, a port of a NetworkPolicy is of TCP, one of Cilium's policies of any. */
function portMatches(
  { port, endPort, protocol }: Port,
  byDefault: string,
  { side, connection: { to, port: expected, protocol: used = "TCP" } }: Asked,
): boolean {
  const own = protocol === undefined || protocol === "" ? byDefault : protocol.toUpperCase();
  if (own !== used && own !== "ANY") return false;
  if (port === undefined || Number(port) === 0) return true;
  if (!Number.isNaN(Number(port))) return Number(port) <= expected && expected <= (endPort ?? Number(port));
  if (to.portNames === undefined) throw new Unclear(`port ${port} is a name`);
  if (to.portNames[port] === expected) return true;
  // On egress a name stands for the numbers that any pod gives it (`NamedMultiPort`, pkg/policy/types@1.20.2).
  if (side === "egress") throw new Unclear(`port ${port} is a name, which other pods may have too`);
  return false;
}
