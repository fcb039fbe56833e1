import { shortList } from "#harness/lib/short-list.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { IdentityEntry } from "#harness/model/snapshot.ts";
import { labelFilter } from "#harness/semantics/identity-label-filter.ts";
import { clusterOfLabels } from "#harness/semantics/identity-labels.ts";
import { kvstoresOf } from "#harness/semantics/kvstores.ts";
import { clusterKey } from "#harness/semantics/policy-model.ts";
import { findingOf } from "./catalogue/index.ts";
import { isMeshed, known, nameOf, versionOf, wholeConfig } from "./parts.ts";
import { agents, helmUpgrade, operator, restart } from "./repairs.ts";

/**
 * Identities without the label of their cluster: other clusters' agents refuse them (`clusterNameValidator`,
 * pkg/identity/cache/allocator.go@1.20.2; since 1.16, cilium#32785).
 */
export function unlabelledIdentities(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) => {
    const others = mesh.clusters.filter((c) => c !== cluster);
    const readers = others.filter((c) => isAtLeast(versionOf(c) ?? "1.16", "1.16"));
    if (!isMeshed(mesh, cluster) || (others.length > 0 && readers.length === 0)) return [];
    return ofCluster(cluster, readers);
  });
}

function ofCluster(cluster: ClusterSnapshot, readers: readonly ClusterSnapshot[]): Finding[] {
  const name = nameOf(cluster);
  const who = readers.length === 0 ? "the other clusters" : shortList(readers.map(nameOf), 3);
  const setting = leavingOut(cluster);
  const pods = identitiesOfPods(cluster);
  const lacking = pods.filter(({ labels }) => clusterOfLabels(labels) === undefined);
  const isLacking = lacking.length > 0;
  if (!isLacking && setting === undefined) return [];
  const cause =
    setting === undefined
      ? ""
      : `the setting labels of ${name} (${setting}) leaves out the label ${clusterKey}`;
  const which = lacking.length === pods.length ? "no identity" : `not every identity`;
  const message = isLacking
    ? `${which} of ${name} has the label ${clusterKey}${cause === "" ? "" : ` (${cause})`}: agents of ${who} refuse those without it, so their pods are unknown there, and no policy that selects pods selects them`
    : `${cause}: identities that are made from now on will lack it, and agents of ${who} refuse such identities`;
  return [
    findingOf("identity-without-cluster", {
      severity: isLacking ? "broken" : "suspect",
      cluster: cluster.name,
      subject: `identities of ${name}`,
      message,
      next: `${remedy(cluster, setting)}${isLacking ? `; then restart its pods, which get new identities; to restart the agents of ${who} does not help` : ""}`,
    }),
  ];
}

/** The setting `labels`, if it leaves the label out of identities. */
function leavingOut(cluster: ClusterSnapshot): string | undefined {
  const settings = wholeConfig(cluster);
  if (settings?.labels === undefined) return undefined;
  const keeps = labelFilter({ settings, version: versionOf(cluster) });
  return keeps?.(clusterKey) === false ? settings.labels : undefined;
}

/** Those that an endpoint uses, where the endpoints are known: others may be about to be deleted. */
function identitiesOfPods(cluster: ClusterSnapshot): readonly IdentityEntry[] {
  const [kvstore] = kvstoresOf(cluster);
  const ofApi = known(cluster.ciliumIdentities);
  const isKvstoreMode = cluster.config.ok && cluster.config.value["identity-allocation-mode"] === "kvstore";
  const all: readonly IdentityEntry[] = isKvstoreMode ? (kvstore?.state.own.identities ?? []) : ofApi;
  const used = new Set(known(cluster.ciliumEndpoints).map((e) => e.identity));
  return all.filter((i) => i.labels.length > 0 && (used.size === 0 || used.has(i.id)));
}

/** Where one pattern is all that the setting has, Helm can set it; otherwise a list has to be written. */
function remedy(cluster: ClusterSnapshot, labels: string | undefined): string {
  const restarts = restart(cluster, agents, operator);
  if (labels === undefined) return restarts;
  const patterns = labels.split(/\s+/).filter((p) => p !== "");
  return patterns.length === 1
    ? `${helmUpgrade(cluster, "labels=")}; ${restarts}`
    : `take the pattern that leaves it out of labels in the Helm values of ${cluster.name}; ${restarts}`;
}
