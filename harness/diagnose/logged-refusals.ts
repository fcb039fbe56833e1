import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, Logged, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { inEffect } from "#harness/semantics/policy-effect.ts";
import { findingOf } from "./catalogue/index.ts";
import { known, nameOf, wholeConfig } from "./parts.ts";
import { policiesOf } from "./policy-members.ts";
import { editedOrDeleted, subjectOf } from "./policy-rules.ts";
import { contextOf, titleOf } from "./what-if.ts";

const nodesShown = 3;

/**
 * Policies that agents refuse by their own words. Those of which settings or version say so are another layer's. A policy
 * may have been corrected after the line, which is not logged: only of one that was never changed the line holds now.
 */
export function loggedRefusals(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) => {
    const refused = cluster.agents.flatMap(({ node, logged }) =>
      known(logged)
        .filter((l) => l.kind === "policy-refused")
        .map((line) => ({ node, line })),
    );
    return [...Map.groupBy(refused, ({ line }) => line.name)].flatMap(([name, lines]) => {
      const policy = policyOf(cluster, name);
      const last = lines.at(-1)?.line;
      if (policy === undefined || last === undefined) return [];
      const nodes = lines.map((l) => l.node);
      return [findingFor(cluster, policy, { last, nodes })];
    });
  });
}

/** A policy that exists and that the settings and the version of the agents would take. */
function policyOf(cluster: ClusterSnapshot, name: string): UserPolicy | undefined {
  const found = policiesOf(cluster).find(
    (p) => p.kind !== "NetworkPolicy" && (p.namespace === "" ? p.name : `${p.namespace}/${p.name}`) === name,
  );
  const [effective] =
    found === undefined ? [] : inEffect([found], wholeConfig(cluster) ?? {}, contextOf(cluster));
  return effective === undefined || effective.specs.length === 0 ? undefined : found;
}

function findingFor(
  cluster: ClusterSnapshot,
  policy: UserPolicy,
  { last, nodes }: { readonly last: Logged; readonly nodes: readonly string[] },
): Finding {
  const isCertain = policy.generation === 1;
  return findingOf("policy-refused", {
    severity: isCertain ? "broken" : "suspect",
    cluster: cluster.name,
    subject: subjectOf(policy, nameOf(cluster)),
    message: `${titleOf(policy)} of ${nameOf(cluster)}: the agents of ${shortList(nodes, nodesShown)} refused it (${last.text}): ${isCertain ? "it" : "unless it was corrected since, it"} has no effect, so nothing that it allows or denies counts`,
    next: editedOrDeleted(policy, "correct what the message names"),
  });
}
