import { contextOf, titleOf, unreadPolicies, whatIf } from "#harness/diagnose/what-if.ts";
import { policiesOf } from "#harness/evidence/policy-objects.ts";
import { found as required } from "#harness/lib/found.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import type { ClusterPolicies, UserPolicy, WhatIfChange } from "#harness/model/what-if.ts";
import type { AccessChange } from "#harness/semantics/combined-access.ts";
import { effectOf } from "#harness/semantics/policy-effect.ts";
import { needsPolicies, policyFeatureFindings } from "#harness/semantics/policy-features.ts";
import { type CheckedCluster, snapshotAt } from "./checked-mesh.ts";
import type { Found, Part, Unread } from "./found.ts";
import { namedPorts } from "./named-port-findings.ts";
import { accessOf, type PeerPod, policyMove } from "./policy-access.ts";

const setting = "policy-default-local-cluster";

type Policies = ReadonlyMap<string, ClusterPolicies>;

/** Policies that mean another thing after the upgrade, and what could not be read of them. */
export function policyFindings(clusters: readonly CheckedCluster[], defects: readonly KnownDefect[]): Part {
  const policies = new Map(clusters.map((c) => [c.name, policiesOf(c.evidence)]));
  const local = localClusterFindings(clusters, policies, defects);
  const features = clusters.flatMap((c) =>
    featureFindings(c, policies).map((finding) => ({ cluster: c.name, finding })),
  );
  const named = namedPorts(clusters, policies);
  const unread = clusters.filter(asksForPolicies).flatMap((c) => unreadOf(c, policies));
  return {
    found: [...local.found, ...features, ...named.found],
    unread: [...unread, ...local.unread, ...named.unread],
  };
}

const changesSelectors = (c: CheckedCluster): boolean =>
  c.from !== undefined && c.before[setting] !== c.after[setting];

const asksForPolicies = (c: CheckedCluster): boolean =>
  changesSelectors(c) || (c.from !== undefined && needsPolicies({ from: c.from, to: c.to }));

/** Of a whole cluster, files that do not exist are reported by their names. */
function unreadOf(cluster: CheckedCluster, policies: Policies): Unread[] {
  if (!cluster.policiesRead) return [notGiven(cluster)];
  const own = required(policies.get(cluster.name), `policies of ${cluster.name}`);
  const given = Object.entries(own.policies).filter(([, part]) => part.ok || part.absent !== true);
  const unread = unreadPolicies(cluster.name, {
    ...own,
    policies: Object.fromEntries(given) as ClusterPolicies["policies"],
  }).map(({ message, next }) => ({ message, remedy: next }));
  const read = given.flatMap(([, part]) => (part.ok ? part.value : []));
  return [...unread, ...read.flatMap((policy) => noPolicy(policy, cluster.name) ?? [])];
}

/** The API server refuses such an object, and keeps one that it has. */
const noPolicy = (policy: UserPolicy, cluster: string): Unread | undefined =>
  policy.kind !== "NetworkPolicy" && policy.specs.length === 0
    ? {
        message: `${titleOf(policy)} of ${cluster} is no policy: it has neither spec nor specs`,
        remedy: "give it whole, or remove it: the next change of it is refused",
      }
    : undefined;

function notGiven({ name, source }: CheckedCluster): Unread {
  const empty = source.notes.find((note) => note.field === "empty list");
  return {
    message: `policies of ${name} were not given${empty === undefined ? "" : ` (${empty.inSource}, which does not say of what)`}: whether one of them changes its meaning is not known`,
    remedy: `give ${name}=FILE with the output of kubectl get cnp,ccnp,netpol -A -o yaml${empty === undefined ? "" : "; if it is empty, there are none"}`,
  };
}

/** By `policyDefaultLocalCluster`, whose default is another one from 1.19 on. */
function localClusterFindings(
  clusters: readonly CheckedCluster[],
  policies: Policies,
  defects: readonly KnownDefect[],
): Part {
  const found: Found[] = [];
  const unread: Unread[] = [];
  const move = policyMove(clusters, policies);
  for (const value of [true, false]) {
    const changed = clusters.filter(
      (c) => c.policiesRead && changesSelectors(c) && c.after[setting] === String(value),
    );
    if (changed.length === 0) continue;
    const names = changed.map((c) => c.name);
    const report = whatIf(snapshotAt(clusters, "before"), policies, {
      key: "policyDefaultLocalCluster",
      value,
      defects,
    });
    // What a known defect makes of a policy is a finding of its own.
    for (const checked of changed) {
      const { changes = [] } = report.clusters.find((c) => c.cluster === checked.name) ?? {};
      for (const change of changes.filter((c) => c.defect === undefined))
        found.push({ cluster: checked.name, finding: findingOf(change, accessOf(move, checked, change)) });
    }
    for (const { cluster, message, next } of report.unread)
      if (names.includes(cluster)) unread.push({ message, remedy: next });
  }
  return { found, unread };
}

/** `access`: by all policies together; undefined where only the rule itself is known. */
function findingOf(change: WhatIfChange, access: AccessChange<PeerPod> | undefined): CertificateFinding {
  const { kind, namespace, name, path, direction, verdict, now, after, remedy } = change;
  const { grade, whom } = access === undefined ? byRule(change) : byAll(change, access);
  return {
    id: "policy-changes-meaning",
    grade,
    message: `${kind} ${namespace === "" ? name : `${namespace}/${name}`}, ${path}, ${verdict === "allow" ? "allows" : "denies"} traffic ${direction === "ingress" ? "from" : "to"} ${now} before, ${after} after; ${whom}`,
    remedy,
  };
}

type Affected = Pick<CertificateFinding, "grade"> & { readonly whom: string };

const nobody = "no pod of another cluster is affected now";
const podsOf = (count: number): string => `${count} ${count === 1 ? "pod" : "pods"} of other clusters`;

function byRule({ remote }: WhatIfChange): Affected {
  const count = remote?.count ?? 0;
  if (remote === undefined || (count === 0 && remote.incomplete === undefined))
    return { grade: "caution", whom: nobody };
  const more = remote.moreNames === undefined ? "" : ", ...";
  return {
    grade: "serious",
    whom:
      count === 0
        ? `which pods are affected is not known: ${remote.incomplete}`
        : `${podsOf(count)} would ${remote.access} this access: ${remote.names.join(", ")}${more}`,
  };
}

const namesShown = 5;
const reasonsShown = 3;

/** Other policies may give or take the same. */
function byAll({ remote }: WhatIfChange, { changed, kept, why }: AccessChange<PeerPod>): Affected {
  const countOf = (pods: readonly PeerPod[]): number => pods.reduce((sum, p) => sum + p.replicas, 0);
  const namesOf = (pods: readonly PeerPod[]): string =>
    `${pods
      .slice(0, namesShown)
      .map((p) => p.title)
      .join(", ")}${pods.length > namesShown ? ", ..." : ""}`;
  const reason = why.length === 0 ? "no policy denies it" : shortList(why, reasonsShown);
  const same =
    kept.length === 0
      ? []
      : [`nothing changes for ${podsOf(countOf(kept))} that it selects (${namesOf(kept)}): ${reason}`];
  if (changed.length > 0)
    return {
      grade: "serious",
      whom: [
        `${podsOf(countOf(changed))} would ${remote?.access} this access: ${namesOf(changed)}`,
        ...same,
      ].join("; "),
    };
  if (remote?.incomplete === undefined) return { grade: "caution", whom: same[0] ?? nobody };
  return {
    grade: "serious",
    whom: [`which pods are affected is not known: ${remote.incomplete}`, ...same].join("; "),
  };
}

/** What policies use that means another thing, and whether Cilium takes them at all. */
function featureFindings(cluster: CheckedCluster, policies: Policies): CertificateFinding[] {
  const { name, from, to, before, after, policiesRead } = cluster;
  if (!policiesRead) return [];
  const own = required(policies.get(name), `policies of ${name}`);
  const read = Object.values(own.policies).flatMap((p) => (p.ok ? p.value : []));
  return [
    ...(from === undefined ? [] : policyFeatureFindings(read, { from, to, before, after })),
    ...read.flatMap((policy) => effectFinding(policy, cluster) ?? []),
  ];
}

function effectFinding(policy: UserPolicy, cluster: CheckedCluster): CertificateFinding | undefined {
  const [was, will] = (["before", "after"] as const).map((when) => {
    const [at] = snapshotAt([cluster], when).clusters;
    return at === undefined ? undefined : effectOf(policy, contextOf(at)).why;
  });
  if (was === will) return undefined;
  const change =
    will === undefined
      ? {
          has: "takes effect, which it does not now",
          why: was,
          remedy: "see whether it is what you want, or delete it",
        }
      : { has: "loses its effect", why: will, remedy: "correct it first: what it denies is open afterwards" };
  return {
    id: "policy-changes-meaning",
    grade: "serious",
    message: `${titleOf(policy)} ${change.has}: ${change.why}`,
    remedy: change.remedy,
  };
}
