/** A pod as policies see it. */
export interface ModelPod {
  readonly cluster: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly namespaceLabels: Readonly<Record<string, string>>;
}

/** A CiliumNetworkPolicy or NetworkPolicy in one cluster. */
export interface ModelPolicy {
  readonly cluster: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: a policy's spec, of either kind; unknown parts give `unclear`.
  readonly spec: any;
}

export interface Connection {
  readonly from: ModelPod;
  readonly to: ModelPod;
  readonly port: number;
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

/** Thrown for a policy that this model does not support. */
class Unclear extends Error {}

/**
 * Whether policies allow a TCP connection between two pods (Cilium's "Layer 3" and "Layer 4" policy guides). A policy
 * applies in one cluster: policies of the server's cluster decide on ingress, those of the client's on egress.
 * `defaultsToLocal`: whether a selector without a cluster label selects only its own cluster (policyDefaultLocalCluster).
 */
export function policySays(
  policies: readonly ModelPolicy[],
  connection: Connection,
  defaultsToLocal: (cluster: string) => boolean,
): PolicyVerdict {
  const sides = [
    sideSays(
      "ingress",
      policies.filter((p) => p.cluster === connection.to.cluster),
      connection,
      defaultsToLocal,
    ),
    sideSays(
      "egress",
      policies.filter((p) => p.cluster === connection.from.cluster),
      connection,
      defaultsToLocal,
    ),
  ];
  const why = sides.flatMap((s) => s.why);
  if (sides.some((s) => s.verdict === "deny")) return { verdict: "deny", why };
  return { verdict: sides.some((s) => s.verdict === "unclear") ? "unclear" : "allow", why };
}

function sideSays(
  side: "ingress" | "egress",
  policies: readonly ModelPolicy[],
  { from, to, port }: Connection,
  defaultsToLocal: (cluster: string) => boolean,
): PolicyVerdict {
  const [subject, peer] = side === "ingress" ? [to, from] : [from, to];
  const why: string[] = [];
  let enforced = false;
  let allowed = false;
  let denied = false;
  let unclear = false;
  for (const policy of policies) {
    const name = `${policy.cluster}/${policy.namespace}/${policy.name}`;
    const local = defaultsToLocal(policy.cluster);
    try {
      if (!selectsSubject(policy, subject) || !holds(policy, side)) continue;
      enforced ||= enforces(policy, side);
      const hits = (rules: readonly unknown[] | undefined): boolean =>
        (rules ?? []).some(
          (rule) => peersMatch(policy, rule, { side, peer, local }) && portsMatch(rule, port),
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

function holds({ kind, spec }: ModelPolicy, side: "ingress" | "egress"): boolean {
  if (kind === "NetworkPolicy") {
    const types = (spec.policyTypes ?? [
      "Ingress",
      ...(spec.egress === undefined ? [] : ["Egress"]),
    ]) as string[];
    return types.some((t) => t.toLowerCase() === side);
  }
  return [side, `${side}Deny`].some((rules) => (spec[rules] ?? []).length > 0);
}

/** Whether the policy denies everything that it does not allow: the default, unless `enableDefaultDeny` is off. */
function enforces({ kind, spec }: ModelPolicy, side: "ingress" | "egress"): boolean {
  return kind === "NetworkPolicy" || spec.enableDefaultDeny?.[side] !== false;
}

function selectsSubject(policy: ModelPolicy, pod: ModelPod): boolean {
  if (policy.namespace !== pod.namespace) return false;
  const selector = policy.kind === "NetworkPolicy" ? policy.spec.podSelector : policy.spec.endpointSelector;
  if (selector === undefined) throw new Unclear("it selects no endpoints");
  return labelsMatch(selector, (key) => pod.labels[bareKey(key)]);
}

/** A rule with only ports matches every peer; one with an empty list of peers matches none. */
function peersMatch(
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
  const known = ["toPorts", `${word}Endpoints`, `${word}Entities`];
  const other = Object.keys(r).find((key) => !known.includes(key));
  if (other !== undefined) throw new Unclear(`${other} is not understood`);
  const endpoints = r[`${word}Endpoints`] as readonly unknown[] | undefined;
  const entities = r[`${word}Entities`] as readonly string[] | undefined;
  // An empty rule allows no peer: `ingress: [{}]` means default deny.
  if (endpoints === undefined && entities === undefined) return r.toPorts !== undefined;
  return (
    (endpoints ?? []).some((selector) => ciliumPeer(policy, selector, peer, local)) ||
    (entities ?? []).some((entity) => entityMatches(policy, entity, peer))
  );
}

function entityMatches(policy: ModelPolicy, entity: string, peer: ModelPod): boolean {
  if (entity === "all") return true;
  if (entity === "cluster") return peer.cluster === policy.cluster;
  // Entities for nodes and the world match no pod of the mesh.
  if (
    ["host", "remote-node", "world", "kube-apiserver", "health", "ingress", "init", "none"].includes(entity)
  )
    return false;
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
  if (keys.some(isReserved)) return labelsMatch(s, (key) => identityLabel(peer, bareKey(key)));
  if (!keys.includes(clusterKey) && local && peer.cluster !== policy.cluster) return false;
  // A selector without a namespace label selects its own namespace.
  if (
    !keys.some((k) => k === namespaceKey || k.startsWith(namespaceLabel)) &&
    peer.namespace !== policy.namespace
  )
    return false;
  return labelsMatch(s, (key) => identityLabel(peer, bareKey(key)));
}

function identityLabel(peer: ModelPod, key: string): string | undefined {
  if (key === clusterKey) return peer.cluster;
  if (key === namespaceKey) return peer.namespace;
  if (key.startsWith(namespaceLabel)) return peer.namespaceLabels[key.slice(namespaceLabel.length)];
  return peer.labels[key];
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
  if (ipBlock !== undefined) throw new Unclear("ipBlock is not understood");
  const toLocal = local && !podsNameCluster((podSelector ?? {}) as Selector);
  if (toLocal && peer.cluster !== policy.cluster) return false;
  const inNamespace =
    namespaceSelector === undefined
      ? peer.namespace === policy.namespace
      : labelsMatch(namespaceSelector as Selector, (key) => peer.namespaceLabels[key]);
  return (
    inNamespace &&
    // Then Cilium writes the cluster's name over an empty label.
    labelsMatch((podSelector ?? {}) as Selector, (key) =>
      key === clusterKey ? (toLocal ? "" : peer.cluster) : peer.labels[key],
    )
  );
}

export function labelsMatch(selector: unknown, labelOf: (key: string) => string | undefined): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector as Selector;
  return (
    Object.entries(matchLabels).every(([key, value]) => labelOf(key) === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
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

function portsMatch(rule: unknown, port: number): boolean {
  const { toPorts, ports } = rule as {
    toPorts?: readonly { ports?: readonly Port[]; rules?: unknown }[];
    ports?: readonly Port[];
  };
  if (ports !== undefined) return ports.length === 0 || ports.some((p) => portMatches(p, port));
  if (toPorts === undefined) return true;
  return toPorts.some((entry) => {
    if (entry.rules !== undefined) throw new Unclear("L7 rules are not understood");
    return entry.ports === undefined || entry.ports.some((p) => portMatches(p, port));
  });
}

interface Port {
  readonly port?: string | number;
  readonly endPort?: number;
  readonly protocol?: string;
}

function portMatches({ port, endPort, protocol = "TCP" }: Port, expected: number): boolean {
  if (protocol !== "TCP" && protocol !== "ANY") return false;
  if (port === undefined || Number(port) === 0) return true;
  if (Number.isNaN(Number(port))) throw new Unclear(`port ${port} is a name`);
  return Number(port) <= expected && expected <= (endPort ?? Number(port));
}
