/** A pod as policies see it. */
export interface ModelPod {
  readonly cluster: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly namespaceLabels: Readonly<Record<string, string>>;
}

/** A CiliumNetworkPolicy or a NetworkPolicy, in force in one cluster. */
export interface ModelPolicy {
  readonly cluster: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: a policy's spec, of either kind; what is not understood is said.
  readonly spec: any;
}

export interface ModelAsk {
  readonly from: ModelPod;
  readonly to: ModelPod;
  readonly port: number;
}

export interface Said {
  /** `unclear`: a policy holds what this model does not know. */
  readonly verdict: "allow" | "deny" | "unclear";
  /** The policies that decided, or what is not understood. */
  readonly why: readonly string[];
}

const clusterKey = "io.cilium.k8s.policy.cluster";
const namespaceKey = "io.kubernetes.pod.namespace";
const namespaceLabel = "io.cilium.k8s.namespace.labels.";

/** Thrown where a policy cannot be read by this model. */
class Unclear extends Error {}

/**
 * What policies say of a TCP connection between two pods (Cilium's "Layer 3" and "Layer 4" policy guides). Ingress is
 * judged by the policies of the server's cluster, egress by those of the client's: a policy is of one cluster.
 * `defaultsToLocal`: whether a selector without a cluster label means its own cluster alone (policyDefaultLocalCluster).
 */
export function policySays(
  policies: readonly ModelPolicy[],
  ask: ModelAsk,
  defaultsToLocal: (cluster: string) => boolean,
): Said {
  const sides = [
    sideSays(
      "ingress",
      policies.filter((p) => p.cluster === ask.to.cluster),
      ask,
      defaultsToLocal,
    ),
    sideSays(
      "egress",
      policies.filter((p) => p.cluster === ask.from.cluster),
      ask,
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
  { from, to, port }: ModelAsk,
  defaultsToLocal: (cluster: string) => boolean,
): Said {
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
  // Whatever is not understood could have allowed it or denied it.
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

/** Whether what the policy does not allow is denied; Cilium's `enableDefaultDeny` may say otherwise. */
function enforces({ kind, spec }: ModelPolicy, side: "ingress" | "egress"): boolean {
  return kind === "NetworkPolicy" || spec.enableDefaultDeny?.[side] !== false;
}

function selectsSubject(policy: ModelPolicy, pod: ModelPod): boolean {
  if (policy.namespace !== pod.namespace) return false;
  const selector = policy.kind === "NetworkPolicy" ? policy.spec.podSelector : policy.spec.endpointSelector;
  if (selector === undefined) throw new Unclear("it selects no endpoints");
  return labelsMatch(selector, (key) => pod.labels[bareKey(key)]);
}

/** A rule of ports alone is for everybody; one with an empty list of peers is for nobody. */
function peersMatch(
  policy: ModelPolicy,
  rule: unknown,
  { side, peer, local }: { side: "ingress" | "egress"; peer: ModelPod; local: boolean },
): boolean {
  const r = rule as Record<string, unknown>;
  const word = side === "ingress" ? "from" : "to";
  if (policy.kind === "NetworkPolicy") {
    const other = Object.keys(r).find((key) => key !== "ports" && key !== word);
    // Peers under another name (older evidence says `_from`) do not make it a rule for everybody.
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
  // A rule that says nothing at all lets nobody in: `ingress: [{}]` is how a default deny is written.
  if (endpoints === undefined && entities === undefined) return r.toPorts !== undefined;
  return (
    (endpoints ?? []).some((selector) => ciliumPeer(policy, selector, peer, local)) ||
    (entities ?? []).some((entity) => entityMatches(policy, entity, peer))
  );
}

function entityMatches(policy: ModelPolicy, entity: string, peer: ModelPod): boolean {
  if (entity === "all") return true;
  if (entity === "cluster") return peer.cluster === policy.cluster;
  // Of nodes and the world: no pod of the mesh is one.
  if (
    ["host", "remote-node", "world", "kube-apiserver", "health", "ingress", "init", "none"].includes(entity)
  )
    return false;
  throw new Unclear(`entity ${entity} is not understood`);
}

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { key: string; operator: string; values?: readonly string[] }[];
}

const keysOf = (s: Selector): string[] => [
  ...Object.keys(s.matchLabels ?? {}),
  ...(s.matchExpressions ?? []).map((e) => e.key),
];

function ciliumPeer(policy: ModelPolicy, selector: unknown, peer: ModelPod, local: boolean): boolean {
  const s = selector as Selector;
  const keys = keysOf(s).map(bareKey);
  if (!keys.includes(clusterKey) && local && peer.cluster !== policy.cluster) return false;
  // Without a word on namespaces a selector is about its own.
  if (
    !keys.some((k) => k === namespaceKey || k.startsWith(namespaceLabel)) &&
    peer.namespace !== policy.namespace
  )
    return false;
  return labelsMatch(s, (key) => {
    const bare = bareKey(key);
    if (bare === clusterKey) return peer.cluster;
    if (bare === namespaceKey) return peer.namespace;
    if (bare.startsWith(namespaceLabel)) return peer.namespaceLabels[bare.slice(namespaceLabel.length)];
    return peer.labels[bare];
  });
}

function kubernetesPeer(
  policy: ModelPolicy,
  { podSelector, namespaceSelector, ipBlock }: Record<string, unknown>,
  peer: ModelPod,
  local: boolean,
): boolean {
  if (ipBlock !== undefined) throw new Unclear("ipBlock is not understood");
  const named = [podSelector, namespaceSelector].some((s) =>
    keysOf((s ?? {}) as Selector).some((k) => bareKey(k) === clusterKey),
  );
  if (!named && local && peer.cluster !== policy.cluster) return false;
  const inNamespace =
    namespaceSelector === undefined
      ? peer.namespace === policy.namespace
      : labelsMatch(namespaceSelector as Selector, (key) => peer.namespaceLabels[key]);
  return (
    inNamespace &&
    labelsMatch((podSelector ?? {}) as Selector, (key) =>
      bareKey(key) === clusterKey ? peer.cluster : peer.labels[key],
    )
  );
}

function labelsMatch(selector: unknown, labelOf: (key: string) => string | undefined): boolean {
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

/** Cilium's own sources of labels, `k8s:` and `any:`, in front of a key. */
const bareKey = (key: string): string => key.replace(/^(k8s|any):/, "");

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
