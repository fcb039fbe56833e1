// Pods in the network of their node (`hostNetwork: true`), which no selector of endpoints selects.
import { shortList } from "#harness/lib/short-list.ts";
import { textsIn } from "#harness/lib/value-at.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";
import type { Side } from "./default-deny.ts";
import type { SpecModel } from "./own-cluster-selectors.ts";
import {
  certainly,
  type Json,
  type MeshPod,
  type PlacedRule,
  type PodPort,
  type PolicyCluster,
  type PolicyProblem,
  pairedPods,
  perhaps,
  placedRules,
  portsIn,
  portsOf,
  specsOf,
  titlesOf,
} from "./policy-clusters.ts";
import {
  bareKey,
  type Connection,
  clusterKey,
  type Enforcement,
  isReserved,
  keysOf,
  listOf,
  type ModelPolicy,
  namespaceKey,
  namespaceLabel,
  peersMatch,
  podsNameCluster,
  policySays,
  type Selector,
  selectsSubject,
} from "./policy-model.ts";

/** A cluster with the pods that are in the network of their node, as far as they are known. */
export interface WithHostPods extends PolicyCluster {
  readonly hostPods: readonly MeshPod[];
  /** 0 where it is not known. */
  readonly nodeCount: number;
  /** Whether it has policies that are not judged and may decide before those that are: ClusterNetworkPolicies. */
  readonly mayBeOverruled?: boolean;
}

interface Judged {
  readonly clusters: readonly WithHostPods[];
  readonly cluster: WithHostPods;
  readonly spec: SpecModel;
}

/** A peer of a rule that means such pods alone, and the policy's pods for which that matters. */
interface Miss {
  readonly placed: PlacedRule;
  readonly spec: SpecModel;
  /** `spec.egress[0].toEndpoints[0]`. */
  readonly path: string;
  readonly target: WithHostPods;
  readonly subjects: readonly MeshPod[];
  readonly peers: readonly MeshPod[];
  /** Whether that is so at every port that is asked about. */
  readonly isWhole: boolean;
}

type Missed = "not" | "in part" | "whole";

/**
 * Policies that mean pods in the network of their node by labels. Such a pod has the identity of its node (`host` on the
 * same node, else `remote-node`, in every cluster of a mesh) and none of its own labels, so no selector of endpoints
 * selects it (Documentation/security/policy/layer3.rst@1.20.2, "Entities based": `host`, `remote-node`; every selector
 * gets a namespace label, `getEndpointSelector`, pkg/k8s/apis/cilium.io/utils/utils.go@1.20.2). A selector that selects
 * other pods too is not reported.
 */
export const hostNetworkProblems = (clusters: readonly WithHostPods[]): PolicyProblem[] =>
  clusters
    .filter((c) => c.enforcement !== "never")
    .flatMap((cluster) =>
      cluster.policies.flatMap((policy) => {
        const judged = specsOf(cluster, policy).map((spec) => ({ clusters, cluster, spec }));
        return [...ofSubjects(judged, policy), ...ofPeers(judged, policy)];
      }),
    );

/** A selector of the policy's own pods that selects such pods alone, by a label of theirs. */
function ofSubjects(judged: readonly Judged[], policy: UserPolicy): PolicyProblem[] {
  return judged.flatMap(({ cluster, spec }): PolicyProblem[] => {
    const { model, of } = spec;
    const key = policy.kind === "NetworkPolicy" ? "podSelector" : "endpointSelector";
    const selector = of.spec[key];
    // One without labels is about a whole namespace, whatever pods it has.
    if (!namesLabels(selector)) return [];
    const selects = (p: MeshPod): boolean => selectsSubject(model, p.model);
    const pods = cluster.hostPods.filter((p) => certainly(() => selects(p)));
    if (pods.length === 0 || cluster.pods.some((p) => perhaps(() => selects(p)))) return [];
    return [
      {
        ...{ cluster: cluster.name, policy, breaks: false },
        problem: `selects in ${of.path}.${key} pods in the network of their nodes alone (${shortList(titlesOf(pods, policy), 3)}), which have the identity of their node and none of their labels: it is applied to none of them`,
        remedy:
          "leave it out, or restrict their nodes by the host firewall (a CiliumClusterwideNetworkPolicy with a nodeSelector)",
      },
    ];
  });
}

const namesLabels = (selector: unknown): boolean =>
  keysOf((selector ?? {}) as Selector)
    .filter((key) => !isReserved(key))
    .map(bareKey)
    .some((key) => ![clusterKey, namespaceKey].includes(key) && !key.startsWith(namespaceLabel));

function ofPeers(judged: readonly Judged[], policy: UserPolicy): PolicyProblem[] {
  const misses = judged.flatMap((one) =>
    placedRules(one.spec.of)
      .filter(({ rule }) => rule.icmps === undefined || rule.toPorts !== undefined)
      .flatMap((placed) => missesOf(one, placed)),
  );
  const cluster = judged[0]?.cluster;
  if (cluster === undefined) return [];
  const isOwn = (m: Miss): boolean => m.target === cluster;
  const alike = Map.groupBy(misses, (m) => JSON.stringify([m.placed.list, isOwn(m), m.isWhole]));
  return [...alike.values()].flatMap((of) => {
    const [first] = of;
    return first === undefined ? [] : [problemFor(cluster, policy, [first, ...of.slice(1)])];
  });
}

function missesOf(judged: Judged, placed: PlacedRule): Miss[] {
  const { clusters, cluster, spec } = judged;
  const side = placed.direction;
  const meant = peersIn(spec, placed).flatMap(({ one, path, namesCluster }) => {
    const selects = ({ model: peer }: MeshPod): boolean =>
      peersMatch(spec.model, one, { side, peer, local: cluster.isLocal });
    const found = clusters
      .map((target) => ({ target, pods: target.hostPods.filter((p) => certainly(() => selects(p))) }))
      .filter(({ pods }) => pods.length > 0);
    const isAlone = found.length > 0 && !clusters.some((c) => c.pods.some((p) => perhaps(() => selects(p))));
    const isOfOwn = !namesCluster && cluster.hostPods.some((p) => perhaps(() => selects(p)));
    return isAlone ? [{ path, found, isOfOwn }] : [];
  });
  if (meant.length === 0) return [];
  const subjects = cluster.pods.filter((p) => certainly(() => selectsSubject(spec.model, p.model)));
  return meant.flatMap(({ path, found, isOfOwn }): Miss[] => {
    const missedBy = (asked: readonly MeshPod[], { target, pods }: (typeof found)[number]): Miss[] => {
      const missed = missedPods(asked, pods, missedOf(judged, placed, target));
      return missed.peers.length === 0 ? [] : [{ placed, spec, path, target, ...missed }];
    };
    const [own, others] = [true, false].map((is) => found.filter((f) => (f.target === cluster) === is));
    const near = (own ?? []).flatMap((f) => missedBy(subjects, f));
    // Who names no cluster and gets to the own pods need not mean those of others.
    const asked = isOfOwn ? near.flatMap((m) => m.subjects) : subjects;
    return [...near, ...(others ?? []).flatMap((f) => missedBy(asked, f))];
  });
}

/** Those that are missed at every port, if there are any. */
function missedPods(
  subjects: readonly MeshPod[],
  pods: readonly MeshPod[],
  missed: (subject: MeshPod, peer: MeshPod) => Missed,
): Pick<Miss, "subjects" | "peers" | "isWhole"> {
  const some = pairedPods(subjects, pods, (s, p) => missed(s, p) !== "not");
  const whole = pairedPods(some.subjects, some.peers, (s, p) => missed(s, p) === "whole");
  return whole.peers.length > 0 ? { ...whole, isWhole: true } : { ...some, isWhole: false };
}

/** Each selector of pods of a rule, as a rule of its own. */
function peersIn(
  { model }: SpecModel,
  { rule, path, direction }: PlacedRule,
): { readonly one: Json; readonly path: string; readonly namesCluster: boolean }[] {
  const word = direction === "ingress" ? "from" : "to";
  const isKubernetes = model.kind === "NetworkPolicy";
  const key = isKubernetes ? word : `${word}Endpoints`;
  return listOf(rule[key]).flatMap((peer, i) => {
    if (peer.ipBlock !== undefined) return [];
    const namesCluster = isKubernetes
      ? podsNameCluster((peer.podSelector ?? {}) as Selector)
      : keysOf(peer).map(bareKey).includes(clusterKey);
    return [{ one: { [key]: [peer] }, path: `${path}.${key}[${i}]`, namesCluster }];
  });
}

/** Tells whether a connection of a pod with one in its node's network is judged otherwise than a rule means. */
function missedOf(
  { cluster }: Judged,
  placed: PlacedRule,
  target: WithHostPods,
): (subject: MeshPod, peer: MeshPod) => Missed {
  const { direction: side } = placed;
  if (target === cluster && placed.list === "ingress" && isOnOneNode(cluster)) return () => "not";
  const isDenial = placed.list.endsWith("Deny");
  const all = cluster.policies.flatMap((p) => specsOf(cluster, p)).map(({ model }) => model);
  const nodes = { side, isOwn: target === cluster, settings: cluster.settings };
  const asNodes = new Map(all.map((model) => [model, ofNodes(model, nodes, isDenial)]));
  const enforcementOf = (name: string): Enforcement =>
    name === cluster.name ? cluster.enforcement : "default";
  return (subject, peer) => {
    const selecting = all.filter((model) => perhaps(() => selectsSubject(model, subject.model)));
    if (!isDenial && selecting.some((model) => deniesByLabels(model, side, { peer, cluster }))) return "not";
    // A node is of no cluster here: what policies select as their own pods is not asked of it.
    const node = { ...peer.model, cluster: "" };
    const [from, to] = side === "ingress" ? [node, subject.model] : [subject.model, node];
    const server = side === "ingress" ? subject : peer;
    const models = selecting.flatMap((model) => asNodes.get(model) ?? []);
    const says = (connection: Connection) => policySays(models, connection, () => false, enforcementOf);
    const is = (port: PodPort): boolean =>
      says({ from, to, ...port }).verdict === (isDenial ? "allow" : "deny");
    if (portsIn(placed.rule, server).length > 0) return portsOf(placed, server).some(is) ? "whole" : "not";
    if (server.ports.length === 0)
      return [...portsOf(placed, server), ...askedPorts(models, side, server)].every(is) ? "whole" : "not";
    if (server.ports.every(is)) return "whole";
    return server.ports.some(is) ? "in part" : "not";
  };
}

/** Agents let in what comes from their own node (`allow-localhost`, which is `always` with Kubernetes unless it is set). */
const isOnOneNode = ({ nodeCount, settings }: WithHostPods): boolean =>
  nodeCount === 1 && settings["allow-localhost"] !== "policy";

/** Those of all rules: a server that declares none may serve at any of them. */
function askedPorts(models: readonly ModelPolicy[], side: Side, server: MeshPod): PodPort[] {
  const rules = models.flatMap(({ spec }) => [...listOf(spec[side]), ...listOf(spec[`${side}Deny`])]);
  const ports = rules.flatMap((rule) => portsIn(rule, server));
  return [...new Map(ports.map((p) => [`${p.protocol} ${p.port}`, p])).values()];
}

/** Whether a denial is about such a pod by its labels: then it is meant to be shut out. */
const deniesByLabels = (
  model: ModelPolicy,
  side: Side,
  { peer, cluster }: { readonly peer: MeshPod; readonly cluster: PolicyCluster },
): boolean =>
  listOf(model.spec[`${side}Deny`]).some((rule) =>
    perhaps(() => peersMatch(model, rule, { side, peer: peer.model, local: cluster.isLocal })),
  );

interface Nodes {
  readonly side: Side;
  /** Of the policy's own cluster. */
  readonly isOwn: boolean;
  readonly settings: PolicyCluster["settings"];
}

/** A policy as it is for a node: its rules that mean nodes mean everybody, and the others nobody. */
function ofNodes(model: ModelPolicy, nodes: Nodes, withDenials: boolean): ModelPolicy {
  const { side } = nodes;
  const { kind } = model;
  const word = side === "ingress" ? "from" : "to";
  const nobody = kind === "NetworkPolicy" ? { [word]: [{ ipBlock: {} }] } : { [`${word}Endpoints`]: [] };
  const everybody = kind === "NetworkPolicy" ? {} : { [`${word}Entities`]: ["all"] };
  const changed = (isAsked: boolean) => (rule: Json) => {
    const { ports, toPorts, icmps } = rule;
    return {
      ...(isAsked && meansNodes(kind, rule, nodes) ? everybody : nobody),
      ...(ports === undefined ? {} : { ports }),
      ...(toPorts === undefined ? {} : { toPorts }),
      ...(icmps === undefined ? {} : { icmps }),
    };
  };
  const denials = `${side}Deny`;
  return {
    ...model,
    spec: {
      ...model.spec,
      [side]: listOf(model.spec[side]).map(changed(true)),
      [denials]: listOf(model.spec[denials]).map(changed(withDenials)),
    },
  };
}

/** Entities that no node of a mesh has; of others all are taken for a way through. */
const neverNodes = ["world", "world-ipv4", "world-ipv6", "health", "ingress", "init", "unmanaged", "none"];
/** Nodes of other clusters have neither. */
const ownNodes = ["host", "kube-apiserver"];
/** Of addresses outside, unless `policy-cidr-match-mode` has `nodes`. */
const outside = ["CIDR", "CIDRSet", "FQDNs", "Groups"];

function meansNodes(kind: string, rule: Json, { side, isOwn, settings }: Nodes): boolean {
  const word = side === "ingress" ? "from" : "to";
  const withCidrs = (settings["policy-cidr-match-mode"] ?? "").split(/[\s,]+/).includes("nodes");
  if (kind === "NetworkPolicy") {
    // Evidence of earlier versions has `_from`.
    const peers = listOf(rule[word] ?? rule[`_${word}`]);
    return peers.length === 0 || (withCidrs && peers.some((peer) => peer.ipBlock !== undefined));
  }
  const keys = Object.keys(rule).filter((key) => key.startsWith(word) && key !== "toPorts");
  if (keys.length === 0) return rule.toPorts !== undefined;
  return keys.some((key) => {
    const peers = key.slice(word.length);
    if (peers === "Entities")
      return textsIn(rule[key]).some((e) => !neverNodes.includes(e) && (isOwn || !ownNodes.includes(e)));
    if (outside.includes(peers)) return withCidrs && listIsFilled(rule[key]);
    if (peers === "Requires") return false;
    return peers !== "Endpoints" || listOf(rule[key]).some((selector) => keysOf(selector).some(isReserved));
  });
}

const listIsFilled = (value: unknown): boolean => Array.isArray(value) && value.length > 0;

function problemFor(
  cluster: WithHostPods,
  policy: UserPolicy,
  misses: readonly [Miss, ...Miss[]],
): PolicyProblem {
  const { isWhole, placed } = misses[0];
  const { list } = placed;
  const isOwn = misses[0].target === cluster;
  const far = [...new Set(misses.map((m) => m.target.name))].join(" and ");
  const places = [...new Set(misses.map((m) => m.path))];
  const titles = (of: (m: Miss) => readonly MeshPod[]): string =>
    shortList(titlesOf(misses.flatMap(of), policy), 3);
  const [peers, own] = [titles((m) => m.peers), `${titles((m) => m.subjects)} of ${cluster.name}`];
  const part = isWhole ? "" : " at some of the ports that are declared";
  // Agents let in what comes from their own node.
  const elsewhere = isOwn ? ", except on the same node" : "";
  const effects = {
    ingress: `they are denied at ${own}${part}${elsewhere}`,
    ingressDeny: `it denies them nothing, and they are let in at ${own}${part}`,
    egress: `they are not reached from ${own}${part}`,
    egressDeny: `it denies nothing of it, and they are reached from ${own}${part}`,
  };
  return {
    cluster: cluster.name,
    policy,
    problem: `selects by labels in ${shortList(places, 3)} pods of ${far} in the network of their nodes (${peers}), which have the identity of their node (${isOwn ? "host or " : ""}remote-node) and none of their labels: ${effects[list]}`,
    // On their own node clients of the same cluster get in.
    breaks:
      isWhole && cluster.mayBeOverruled !== true && (list === "egress" || (list === "ingress" && !isOwn)),
    ...remedyOf(policy, misses, isOwn),
  };
}

function remedyOf(
  { kind }: UserPolicy,
  misses: readonly [Miss, ...Miss[]],
  isOwn: boolean,
): Pick<PolicyProblem, "remedy" | "patch"> {
  const { list, direction } = misses[0].placed;
  const word = direction === "ingress" ? "from" : "to";
  const entities = isOwn ? ["host", "remote-node"] : ["remote-node"];
  const meant = `${word}Entities ${entities.join(" and ")}, which means every node, or select the nodes by ${word}Nodes (Helm value nodeSelectorLabels)`;
  if (list.endsWith("Deny")) return { remedy: `deny it by ${meant}` };
  if (kind === "NetworkPolicy") return { remedy: `add a CiliumNetworkPolicy with ${meant}` };
  const rules = new Map(misses.map((m) => [m.placed.path, m]));
  return {
    remedy: `add a rule beside it with ${meant}`,
    patch: [...rules.values()].map(({ spec, placed: { rule } }) => ({
      op: "add",
      path: `/${spec.of.path.replace(/\[(\d+)\]/g, "/$1")}/${list}/-`,
      value: {
        [`${word}Entities`]: entities,
        ...(rule.toPorts === undefined ? {} : { toPorts: rule.toPorts }),
      },
    })),
  };
}
