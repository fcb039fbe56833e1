import { whatIf } from "#harness/diagnose/what-if.ts";
import { policiesOf } from "#harness/evidence/policy-objects.ts";
import { found as required } from "#harness/lib/found.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import type { ClusterPolicies, WhatIfChange } from "#harness/model/what-if.ts";
import { needsPolicies, policyFeatureFindings } from "#harness/semantics/policy-features.ts";
import { type CheckedCluster, snapshotAt } from "./checked-mesh.ts";
import type { Found, Part, Unread } from "./found.ts";

const setting = "policy-default-local-cluster";

type Policies = ReadonlyMap<string, ClusterPolicies>;

/** Policies that mean another thing after the upgrade, and what could not be read of them. */
export function policyFindings(clusters: readonly CheckedCluster[], defects: readonly KnownDefect[]): Part {
  const policies = new Map(clusters.map((c) => [c.name, policiesOf(c.evidence)]));
  const local = localClusterFindings(clusters, policies, defects);
  const features = clusters.flatMap((c) =>
    featureFindings(c, policies).map((finding) => ({ cluster: c.name, finding })),
  );
  const unread = clusters.filter((c) => !c.policiesRead && asksForPolicies(c)).map(notGiven);
  return { found: [...local.found, ...features], unread: [...unread, ...local.unread] };
}

const changesSelectors = (c: CheckedCluster): boolean =>
  c.from !== undefined && c.before[setting] !== c.after[setting];

const asksForPolicies = (c: CheckedCluster): boolean =>
  changesSelectors(c) || (c.from !== undefined && needsPolicies({ from: c.from, to: c.to }));

const notGiven = ({ name }: CheckedCluster): Unread => ({
  message: `policies of ${name} were not given: whether one of them changes its meaning is not known`,
  remedy: `give ${name}=FILE with the output of kubectl get cnp,ccnp,netpol -A -o yaml`,
});

/** By `policyDefaultLocalCluster`, whose default is another one from 1.19 on. */
function localClusterFindings(
  clusters: readonly CheckedCluster[],
  policies: Policies,
  defects: readonly KnownDefect[],
): Part {
  const found: Found[] = [];
  const unread: Unread[] = [];
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
    for (const { cluster, changes } of report.clusters)
      for (const change of names.includes(cluster) ? changes.filter((c) => c.defect === undefined) : [])
        found.push({ cluster, finding: findingOf(change) });
    for (const { cluster, message, next } of report.unread)
      if (names.includes(cluster)) unread.push({ message, remedy: next });
  }
  return { found, unread };
}

function findingOf(change: WhatIfChange): CertificateFinding {
  const { kind, namespace, name, path, direction, verdict, now, after, remote, remedy } = change;
  const count = remote?.count ?? 0;
  const isHarmless = remote !== undefined && count === 0 && remote.incomplete === undefined;
  const more = remote?.moreNames === undefined ? "" : ", ...";
  const whom =
    remote === undefined || isHarmless
      ? "no pod of another cluster is affected now"
      : count === 0
        ? `which pods are affected is not known: ${remote.incomplete}`
        : `${count} ${count === 1 ? "pod" : "pods"} of other clusters would ${remote.access} this access: ${remote.names.join(", ")}${more}`;
  return {
    id: "policy-changes-meaning",
    grade: isHarmless ? "caution" : "serious",
    message: `${kind} ${namespace === "" ? name : `${namespace}/${name}`}, ${path}, ${verdict === "allow" ? "allows" : "denies"} traffic ${direction === "ingress" ? "from" : "to"} ${now} before, ${after} after; ${whom}`,
    remedy,
  };
}

function featureFindings(
  { name, from, to, after, policiesRead }: CheckedCluster,
  policies: Policies,
): CertificateFinding[] {
  if (from === undefined || !policiesRead) return [];
  const own = required(policies.get(name), `policies of ${name}`);
  const read = Object.values(own.policies).flatMap((p) => (p.ok ? p.value : []));
  return policyFeatureFindings(read, { from, to, config: after });
}
