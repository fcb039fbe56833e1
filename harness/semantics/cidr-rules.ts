import { type Cidr, contains, networkOf, parseCidr } from "#harness/lib/cidr.ts";
import { shortList } from "#harness/lib/short-list.ts";
import { isMapping, textsIn } from "#harness/lib/value-at.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { modelPolicies, type SpecModel } from "./own-cluster-selectors.ts";
import {
  certainly,
  type Json,
  type MeshPod,
  type PlacedRule,
  type PodRanges,
  type PolicyCluster,
  type PolicyProblem,
  pairedPods,
  placedRules,
  portsOf,
  specsOf,
  titlesOf,
  verdicts,
} from "./policy-clusters.ts";
import { clusterKey, listOf, namespaceKey, selectsSubject } from "./policy-model.ts";

/** A CIDR of a rule. */
interface Entry {
  readonly cidr: Cidr;
  readonly except: readonly Cidr[];
  /** `fromCIDR 10.2.0.0/16`. */
  readonly title: string;
}

/** CIDRs of a rule that mean the pods of a cluster. */
interface Meant extends PlacedRule {
  readonly spec: SpecModel;
  readonly entries: readonly Entry[];
  readonly target: PolicyCluster;
}

/** What comes of it, for pods that are known. */
interface Outcome extends Meant {
  readonly subjects: readonly MeshPod[];
  readonly peers: readonly MeshPod[];
  /** Whether pods, or those in the CIDR, are not known. */
  readonly isOpen: boolean;
}

/**
 * Rules whose CIDR lies inside the addresses of a cluster's pods: they select none of them, because pods have identities,
 * and CIDR rules apply to addresses without one (Documentation/security/policy/layer3.rst@1.20.2, "IP/CIDR based";
 * `CIDRSelector.Matches`, pkg/policy/types/selector.go@1.20.2; cilium#9998 and, of Kubernetes' ipBlock, cilium#9209).
 * A range that holds pods beside other things means the others, and is none of them.
 */
export const cidrProblems = (clusters: readonly PolicyCluster[]): PolicyProblem[] =>
  clusters
    .filter((c) => c.enforcement !== "never" && !matchesPods(c))
    .flatMap((cluster) =>
      cluster.policies
        .filter((policy) => !isMisread(policy, cluster))
        .flatMap((policy) => problemsOf(clusters, cluster, policy)),
    );

/** `policy-cidr-match-mode`, a list, has `pods` since 1.20 (`PolicyCIDRMatchesPods`, pkg/option/config.go@1.20.2). */
const matchesPods = ({ settings }: PolicyCluster): boolean =>
  (settings["policy-cidr-match-mode"] ?? "").split(/[\s,]+/).includes("pods");

/** An ipBlock means other things with the defects that suites/known-defects.yaml has of it, which are told by themselves. */
const isMisread = ({ kind }: UserPolicy, { isLocal, version = "0.0.0" }: PolicyCluster): boolean =>
  kind === "NetworkPolicy" && isLocal && !isAtLeast(version, "1.19.5");

function problemsOf(
  clusters: readonly PolicyCluster[],
  cluster: PolicyCluster,
  policy: UserPolicy,
): PolicyProblem[] {
  const outcomes = specsOf(cluster, policy).flatMap((spec) =>
    placedRules(spec.of)
      .flatMap((placed) => meantBy(clusters, policy, { ...placed, spec }))
      .map((meant) => outcomeOf(clusters, { cluster, policy }, meant)),
  );
  return [...Map.groupBy(outcomes, (o) => o.list).values()].flatMap((of): PolicyProblem[] => {
    const hits = of.filter((o) => o.subjects.length > 0);
    const told = hits.length > 0 ? hits : of.filter((o) => o.isOpen);
    const [first] = told;
    return first === undefined ? [] : [problemFor(cluster, policy, [first, ...told.slice(1)])];
  });
}

function meantBy(
  clusters: readonly PolicyCluster[],
  policy: UserPolicy,
  rule: PlacedRule & Pick<Meant, "spec">,
): Meant[] {
  const nodes = clusters.flatMap((c) => c.nodeIps);
  const entries = entriesOf(policy, rule).filter(({ cidr }) => !nodes.some((ip) => contains(cidr, ip)));
  return clusters.flatMap((target) => {
    const own = entries.filter((entry) => isOfPods(entry.cidr, target.ranges));
    return own.length === 0 ? [] : [{ ...rule, entries: own, target }];
  });
}

function entriesOf({ kind }: UserPolicy, { rule, direction }: PlacedRule): Entry[] {
  const word = direction === "ingress" ? "from" : "to";
  const groupOf = ({ ofGroup }: Json): string =>
    typeof ofGroup === "string" ? ` (of CiliumCIDRGroup ${ofGroup})` : "";
  const blocks: readonly (readonly [key: string, cidr: unknown, except: unknown, group?: string])[] =
    kind === "NetworkPolicy"
      ? listOf(rule[word] ?? rule[`_${word}`])
          .map((p) => p.ipBlock)
          .filter(isMapping)
          .map((b) => [`${word} ipBlock`, b.cidr, b.except] as const)
      : [
          ...textsIn(rule[`${word}CIDR`]).map((text) => [`${word}CIDR`, text, []] as const),
          ...listOf(rule[`${word}CIDRSet`]).map(
            (s) => [`${word}CIDRSet`, s.cidr, s.except, groupOf(s)] as const,
          ),
        ];
  return blocks.flatMap(([key, text, except, group = ""]) => {
    const cidr = cidrOf(text);
    if (cidr === undefined) return [];
    const title = `${key} ${String(text)}${group}`;
    return [{ cidr, except: textsIn(except).flatMap((e) => cidrOf(e) ?? []), title }];
  });
}

/** A rule may also have an address alone. */
function cidrOf(text: unknown): Cidr | undefined {
  if (typeof text !== "string") return undefined;
  const network = networkOf(text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`);
  return network === undefined ? undefined : parseCidr(network);
}

const isWithin = (inner: Cidr, outer: Cidr): boolean =>
  inner.kind === outer.kind && outer.first <= inner.first && inner.last <= outer.last;

/** Of one family; such ranges come of files, which may hold anything. */
const ofKind = (ranges: readonly string[], kind: Cidr["kind"]): Cidr[] =>
  ranges.flatMap((text) => cidrOf(text) ?? []).filter((c) => c.kind === kind);

/** Wider ranges, such as the chart's pool 10.0.0.0/8, hold other networks too. */
const widest = { ipv4: 12, ipv6: 40 } as const;

function isOfPods(cidr: Cidr, ranges: PodRanges): boolean {
  const [sure = [], likely = []] = [ranges.sure, ranges.likely].map((of) =>
    ofKind(of, cidr.kind).filter(({ kind, bits }) => bits >= widest[kind]),
  );
  if (sure.some((range) => isWithin(cidr, range))) return true;
  const known = sure.length > 0 ? sure : likely;
  return likely.some((range) => isWithin(cidr, range)) && known.every((range) => isWithin(range, cidr));
}

/** Undefined where the addresses of a pod are not known. */
function isInside({ cidr, except }: Entry, pod: MeshPod, ranges: PodRanges): boolean | undefined {
  if (pod.ips.length > 0)
    return pod.ips.some((ip) => contains(cidr, ip) && !except.some((e) => contains(e, ip)));
  const all = ofKind([...ranges.sure, ...ranges.likely], cidr.kind);
  return except.length === 0 && all.every((range) => isWithin(range, cidr)) ? true : undefined;
}

/** Whether a pod is in one of them; undefined where that cannot be known. */
function isInOne(entries: readonly Entry[], pod: MeshPod, ranges: PodRanges): boolean | undefined {
  const seen = new Set(entries.map((entry) => isInside(entry, pod, ranges)));
  if (seen.has(true)) return true;
  return seen.has(undefined) ? undefined : false;
}

/** Another rule of the list may select the same pods by their identities. */
function isBesideOthers({ spec, list, direction }: Meant): boolean {
  const word = direction === "ingress" ? "from" : "to";
  return listOf(spec.of.spec[list]).some(
    (rule) =>
      [`${word}Endpoints`, `${word}Entities`, word, `_${word}`].some((key) =>
        listOf(rule[key]).some((peer) => !("ipBlock" in peer)),
      ) || textsIn(rule[`${word}Entities`]).length > 0,
  );
}

function outcomeOf(
  clusters: readonly PolicyCluster[],
  { cluster, policy }: { readonly cluster: PolicyCluster; readonly policy: UserPolicy },
  meant: Meant,
): Outcome {
  const { entries, target, spec, direction } = meant;
  const inside = target.pods.map((pod) => ({ pod, is: isInOne(entries, pod, target.ranges) }));
  const peers = inside.filter((p) => p.is === true).map((p) => p.pod);
  const subjects = cluster.pods.filter((p) => certainly(() => selectsSubject(spec.model, p.model)));
  const isOpen =
    !isBesideOthers(meant) &&
    (cluster.pods.length === 0 ||
      (subjects.length > 0 && (target.pods.length === 0 || inside.some((p) => p.is === undefined))));
  const [by] = modelPolicies(cluster.name, [{ ...policy, specs: [{ ...spec.of, spec: amended(meant) }] }]);
  if (by === undefined) return { ...meant, subjects: [], peers: [], isOpen };
  const [now, then] = [verdicts(clusters), verdicts(clusters, { of: spec.of, by: by.model })];
  const [is, means] = meant.list.endsWith("Deny") ? ["allow", "deny"] : ["deny", "allow"];
  const paired = pairedPods(subjects, peers, (subject, peer) => {
    const [from, to] = direction === "ingress" ? [peer, subject] : [subject, peer];
    return portsOf(meant, to).some((port) => {
      const connection = { from: from.model, to: to.model, ...port };
      return now(connection) === is && then(connection) === means;
    });
  });
  const isMeant = (entry: Entry): boolean =>
    paired.peers.some((pod) => isInside(entry, pod, target.ranges) === true);
  // With pods that are known, those CIDRs alone that these are in.
  return {
    ...{ ...meant, ...paired, isOpen },
    entries: paired.peers.length === 0 ? entries : entries.filter(isMeant),
  };
}

/** The spec with one rule more, which selects the pods by their identities. */
const amended = (meant: Meant): Json => ({
  ...meant.spec.of.spec,
  [meant.list]: [...listOf(meant.spec.of.spec[meant.list]), ruleOfPods(meant, [meant.target.name])],
});

function ruleOfPods({ spec, rule, direction }: Meant, names: readonly string[]): Json {
  const word = direction === "ingress" ? "from" : "to";
  const inClusters = { key: clusterKey, operator: "In", values: names };
  const { ports, toPorts, icmps } = rule;
  if (spec.model.kind === "NetworkPolicy") {
    const peer = { namespaceSelector: {}, podSelector: { matchExpressions: [inClusters] } };
    return { [word]: [peer], ...(ports === undefined ? {} : { ports }) };
  }
  const matchExpressions = [inClusters, { key: namespaceKey, operator: "Exists" }];
  return {
    [`${word}Endpoints`]: [{ matchExpressions }],
    ...(toPorts === undefined ? {} : { toPorts }),
    ...(icmps === undefined ? {} : { icmps }),
  };
}

function problemFor(
  cluster: PolicyCluster,
  policy: UserPolicy,
  outcomes: readonly [Outcome, ...Outcome[]],
): PolicyProblem {
  const [first] = outcomes;
  const { list, direction } = first;
  const distinct = (texts: readonly string[]): string[] => [...new Set(texts)];
  const targets = distinct(outcomes.map((o) => o.target.name)).toSorted();
  const places = distinct(outcomes.flatMap((o) => o.entries.map((e) => `${e.title} in ${o.path}`)));
  const isSeveral = places.length > 1;
  const far = targets.join(" and ");
  const peers = shortList(
    titlesOf(
      outcomes.flatMap((o) => o.peers),
      policy,
    ),
    3,
  );
  const subjects = shortList(
    titlesOf(
      outcomes.flatMap((o) => o.subjects),
      policy,
    ),
    3,
  );
  const effects = {
    ingress: `pods of ${far} (${peers}) are denied at ${subjects} of ${cluster.name}`,
    ingressDeny: `pods of ${far} (${peers}) are let in at ${subjects} of ${cluster.name}`,
    egress: `${subjects} of ${cluster.name} do not reach pods of ${far} (${peers})`,
    egressDeny: `${subjects} of ${cluster.name} reach pods of ${far} (${peers})`,
  };
  const breaks = subjects !== "";
  const key =
    policy.kind === "NetworkPolicy"
      ? "a podSelector"
      : direction === "ingress"
        ? "fromEndpoints"
        : "toEndpoints";
  const rules = [...Map.groupBy(outcomes, (o) => o.path).values()].flatMap((of) => {
    const names = distinct(of.map((o) => o.target.name)).toSorted();
    return of.slice(0, 1).map((one) => ({ of: one.spec.of.path, value: ruleOfPods(one, names) }));
  });
  return {
    cluster: cluster.name,
    policy,
    problem: `${shortList(places, 3)} ${isSeveral ? "mean" : "means"} the pods of ${far} and ${isSeveral ? "select" : "selects"} none of them, as pods have identities and CIDR rules apply to addresses without one${breaks ? `: ${effects[list]}` : ""}`,
    remedy: `select them by ${key} with ${clusterKey}: ${targets.join(" or ")}`,
    breaks,
    patch: rules.map(({ of, value }) => ({
      op: "add",
      path: `/${of.replace(/\[(\d+)\]/g, "/$1")}/${list}/-`,
      value,
    })),
  };
}
