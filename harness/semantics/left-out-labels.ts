import { oncePer } from "#harness/lib/once-per.ts";
import { shortList } from "#harness/lib/short-list.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { labelFilter } from "./identity-label-filter.ts";
import type { SpecModel } from "./own-cluster-selectors.ts";
import {
  certainly,
  type Json,
  type MeshPod,
  type PlacedRule,
  type PolicyCluster,
  type PolicyProblem,
  pairedPods,
  placedRules,
  portsOf,
  specsOf,
  titlesOf,
  verdicts,
} from "./policy-clusters.ts";
import {
  bareKey,
  clusterKey,
  isReserved,
  keysOf,
  listOf,
  namespaceKey,
  namespaceLabel,
  peersMatch,
  type Selector,
  selectsSubject,
  serviceAccountKey,
} from "./policy-model.ts";

/** A selector by labels that identities of a cluster do not have, and the pods for which that matters. */
interface Miss {
  readonly target: PolicyCluster;
  readonly keys: readonly string[];
  readonly path: string;
  readonly pods: readonly MeshPod[];
  /** Of a selector of peers: the policy's own pods whose connections are judged otherwise than it says. */
  readonly subjects?: readonly MeshPod[];
  /** What is made of these connections. */
  readonly verdicts?: readonly ("allow" | "deny")[];
}

interface Judged {
  readonly clusters: readonly PolicyCluster[];
  readonly cluster: PolicyCluster;
  readonly spec: SpecModel;
}

/**
 * Policies that select pods by a label which the pods have and their identities lack, because their cluster's filter
 * leaves it out. Agents filter the labels of their own cluster's pods before they allocate an identity, which other
 * clusters take as it is (`Filter`, pkg/labelsfilter/filter.go@1.20.2; cilium#18878).
 */
export const leftOutLabelProblems = (clusters: readonly PolicyCluster[]): PolicyProblem[] =>
  clusters
    .filter((c) => c.enforcement !== "never")
    .flatMap((cluster) => cluster.policies.flatMap((policy) => problemsOf(clusters, cluster, policy)));

function problemsOf(
  clusters: readonly PolicyCluster[],
  cluster: PolicyCluster,
  policy: UserPolicy,
): PolicyProblem[] {
  const misses = specsOf(cluster, policy).flatMap((spec) => {
    const judged = { clusters, cluster, spec };
    return [...missesOfSubject(judged), ...missesOfPeers(judged)];
  });
  return [...Map.groupBy(misses, (m) => m.target).values()].flatMap((of): PolicyProblem[] => {
    const [first] = of;
    return first === undefined ? [] : [problemFor(cluster, policy, [first, ...of.slice(1)])];
  });
}

/** Labels that Cilium derives; of those of namespaces and of the account nothing is known here without the identity. */
const isDerived = (key: string): boolean =>
  [clusterKey, namespaceKey, serviceAccountKey].includes(key) || key.startsWith(namespaceLabel);

/** Of a selector's keys, those of pods' own labels that the cluster leaves out. */
function leftOut(selector: unknown, { settings, version }: PolicyCluster): string[] {
  const keeps = labelFilter({ settings, version });
  if (keeps === undefined || !isMapping(selector)) return [];
  const keys = keysOf(selector as Selector).filter((key) => !isReserved(key));
  return [...new Set(keys.map(bareKey))].filter((key) => !isDerived(key) && !keeps(key));
}

/** The pod as it would be with these labels of its own in its identity. */
const withLabels = (pod: MeshPod, keys: readonly string[]): MeshPod => ({
  ...pod,
  model: {
    ...pod.model,
    labels: { ...pod.model.labels, ...Object.fromEntries(keys.flatMap((key) => ownLabel(pod, key))) },
  },
});

const ownLabel = ({ labels }: MeshPod, key: string): [string, string][] => {
  const value = labels[key];
  return value === undefined ? [] : [[key, value]];
};

function missesOfSubject({ cluster, spec }: Judged): Miss[] {
  const isKubernetes = spec.model.kind === "NetworkPolicy";
  const selector = isKubernetes ? "podSelector" : "endpointSelector";
  const keys = leftOut(spec.of.spec[selector], cluster);
  if (keys.length === 0) return [];
  const is = (pod: MeshPod): boolean => certainly(() => selectsSubject(spec.model, pod.model));
  const pods = cluster.pods.filter((pod) => is(pod) !== is(withLabels(pod, keys)));
  return pods.length === 0 ? [] : [{ target: cluster, keys, path: `${spec.of.path}.${selector}`, pods }];
}

function missesOfPeers(judged: Judged): Miss[] {
  const { clusters, spec } = judged;
  return placedRules(spec.of).flatMap((placed) =>
    peersOf(spec, placed).flatMap(({ selector, one, path }) =>
      clusters.flatMap((target) => {
        const keys = leftOut(selector, target);
        const miss = keys.length === 0 ? undefined : missOf(judged, { placed, one, target, keys });
        return miss === undefined ? [] : [{ ...miss, path }];
      }),
    ),
  );
}

/** Each peer of a rule as a rule of its own. */
function peersOf(
  { model }: SpecModel,
  { rule, path, direction }: PlacedRule,
): { readonly selector: unknown; readonly one: Json; readonly path: string }[] {
  const word = direction === "ingress" ? "from" : "to";
  const key = model.kind === "NetworkPolicy" ? word : `${word}Endpoints`;
  return listOf(rule[key]).map((peer, i) => ({
    selector: model.kind === "NetworkPolicy" ? peer.podSelector : peer,
    one: { [key]: [peer] },
    path: `${path}.${key}[${i}]`,
  }));
}

const alone = oncePer((cluster: PolicyCluster) => [cluster]);

interface Peer {
  readonly placed: PlacedRule;
  readonly one: Json;
  readonly target: PolicyCluster;
  readonly keys: readonly string[];
}

function missOf(
  { cluster, spec }: Judged,
  { placed, one, target, keys }: Peer,
): Omit<Miss, "path"> | undefined {
  const is = (pod: MeshPod): boolean =>
    certainly(() =>
      peersMatch(spec.model, one, { side: placed.direction, peer: pod.model, local: cluster.isLocal }),
    );
  const pods = target.pods
    .map((before) => ({ ...withLabels(before, keys), before }))
    .filter((pod) => is(pod) !== is(pod.before));
  if (pods.length === 0) return undefined;
  const subjects = cluster.pods.filter((p) => certainly(() => selectsSubject(spec.model, p.model)));
  // Of the other cluster's policies nothing is asked: they may miss the label too.
  const says = verdicts(alone(cluster));
  const found = new Set<"allow" | "deny">();
  const paired = pairedPods(subjects, pods, (subject, pod) => {
    const isIngress = placed.direction === "ingress";
    return portsOf(placed, isIngress ? subject : pod).some((port) => {
      const [now, then] = [pod.before, pod].map(({ model }) =>
        says(
          isIngress
            ? { from: model, to: subject.model, ...port }
            : { from: subject.model, to: model, ...port },
        ),
      );
      if (now === then || now === "unclear" || then === "unclear" || now === undefined) return false;
      found.add(now);
      return true;
    });
  });
  // Another rule may select the same pods.
  return paired.peers.length === 0
    ? undefined
    : { target, keys, pods: paired.peers, subjects: paired.subjects, verdicts: [...found] };
}

function problemFor(
  cluster: PolicyCluster,
  policy: UserPolicy,
  misses: readonly [Miss, ...Miss[]],
): PolicyProblem {
  const [{ target }] = misses;
  const keys = [...new Set(misses.flatMap((m) => m.keys))];
  const places = [...new Set(misses.map((m) => m.path))];
  const set = target.settings.labels?.trim() ?? "";
  const [subjects, peers] = [true, false].map((is) =>
    misses.filter((m) => (m.subjects === undefined) === is),
  );
  const titles = (of: readonly Miss[] | undefined, key: "pods" | "subjects"): string =>
    shortList(titlesOf(of?.flatMap((m) => m[key] ?? []) ?? [], policy), 3);
  const made = [...new Set(misses.flatMap((m) => m.verdicts ?? []))]
    .map((v) => (v === "allow" ? "allowed" : "denied"))
    .join(" or ");
  const [about, others] = [titles(subjects, "pods"), titles(peers, "pods")];
  const effects = [
    ...(about === ""
      ? []
      : [`it is applied to pods of ${target.name} (${about}) as if they did not have the label`]),
    ...(others === ""
      ? []
      : [
          `connections of pods of ${target.name} (${others}) with ${titles(peers, "subjects")} of ${cluster.name} are ${made} against what it says`,
        ]),
  ];
  return {
    cluster: cluster.name,
    policy,
    problem: `selects by label ${keys.join(" and ")} in ${shortList(places, 3)}, which the identities of ${target.name} lack: the filter of ${target.name} (labels: ${set === "" ? "the default" : set}) leaves it out; ${effects.join(", and ")}`,
    remedy: remedyOf(target, keys, set),
    breaks: true,
  };
}

/** A first inclusive pattern would leave out everything else. */
function remedyOf({ name, settings, version }: PolicyCluster, keys: readonly string[], set: string): string {
  const renewed = `restart the agents of ${name}, and then its pods, which get new identities`;
  const isDefault = labelFilter({ settings: { ...settings, labels: "" }, version });
  if (keys.some((key) => isDefault?.(key) === false))
    return "select by other labels: Cilium leaves this one out by default";
  const excludes = set.split(/\s+/).every((pattern) => /^([^:]*:)?!/.test(pattern));
  return excludes
    ? `take the pattern that excludes it out of labels of ${name}; ${renewed}`
    : `add ${keys.map((key) => `k8s:${key.replaceAll(".", "\\.")}`).join(" ")} to labels of ${name}; ${renewed}`;
}
