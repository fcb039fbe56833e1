import { durationMs } from "#harness/lib/duration.ts";
import { before } from "#harness/lib/names.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { collectedMsOf } from "#harness/semantics/apart.ts";
import { clusterOfLabels } from "#harness/semantics/identity-labels.ts";
import { kvstoresOf } from "#harness/semantics/kvstores.ts";
import { isEmptyState } from "#harness/semantics/peer-state.ts";
import { known, kubectl, nameOf } from "./parts.ts";

const system = "kube-system";

/** What remains of clusters that left the mesh, and identities that the operator should have deleted. */
export const leftovers = (mesh: MeshSnapshot): Finding[] =>
  mesh.clusters.flatMap((cluster) => [...ofClustersThatLeft(mesh, cluster), ...unusedIdentities(cluster)]);

const finding = (cluster: ClusterSnapshot, over: Omit<Finding, "layer" | "cluster">): Finding => ({
  layer: "leftovers",
  cluster: cluster.name,
  ...over,
});

/** Clusters that a cluster knows or is configured with; undefined where that was not read. */
function currentClusters(mesh: MeshSnapshot, cluster: ClusterSnapshot): ReadonlySet<string> | undefined {
  if (!cluster.peers.ok) return undefined;
  const { agents, kvstoreMesh } = cluster.peers.value;
  return new Set([...mesh.clusters.map(nameOf), ...Object.keys(agents), ...Object.keys(kvstoreMesh)]);
}

/** Nodes and identities in agents, and KVStoreMesh's copies, of a cluster that is no peer any more. */
function ofClustersThatLeft(mesh: MeshSnapshot, cluster: ClusterSnapshot): Finding[] {
  const current = currentClusters(mesh, cluster);
  if (current === undefined) return [];
  const own = nameOf(cluster);
  const found: Finding[] = [];
  const copied = kvstoresOf(cluster)
    .flatMap(({ state }) => Object.entries(state.caches))
    .flatMap(([name, cache]) => (current.has(name) || isEmptyState(cache) ? [] : [name]));
  for (const name of new Set(copied))
    found.push(
      finding(cluster, {
        severity: "broken",
        subject: `kvstore of ${own}`,
        message: `the kvstore of ${own} holds a copy of cluster ${name}'s data, and ${own} has no peer of that name: it left the mesh`,
        next: kubectl(system, "rollout", "restart", "deployment/clustermesh-apiserver"),
      }),
    );
  /** By cluster: agents with an entry of it, and one such entry. */
  const held = new Map<string, { nodes: Set<string>; example: string }>();
  for (const agent of cluster.agents) {
    const names = [
      ...known(agent.nodeList)
        .filter((n) => n.name.includes("/"))
        .map((n) => [before(n.name, "/"), `node ${n.name}`] as const),
      ...known(agent.identities).map((i) => [clusterOfLabels(i.labels), `identity ${i.id}`] as const),
    ];
    for (const [name, example] of names) {
      if (name === undefined || current.has(name)) continue;
      const one = held.get(name);
      if (one === undefined) held.set(name, { nodes: new Set([agent.node]), example });
      else one.nodes.add(agent.node);
    }
  }
  for (const [name, { nodes, example }] of held)
    found.push(
      finding(cluster, {
        severity: "broken",
        subject: `agents of ${own}`,
        message: `${nodes.size === cluster.agents.length ? "every agent" : `the agent of ${[...nodes].join(" and of ")}`} of ${own} holds entries of cluster ${name}, for example ${example}, and ${own} has no peer of that name: it left the mesh`,
        next: kubectl(system, "rollout", "restart", "daemonset/cilium"),
      }),
    );
  return found;
}

/** The operator's defaults (operator/identitygc/cell.go:70@1.19.4, KVstoreLeaseTTL in pkg/defaults). */
const gcDefaults = { interval: "15m", timeout: "30m" } as const;
const slackMs = 15 * 60_000;

/**
 * Identities that no endpoint uses. The operator marks one at a pass of its collection and deletes it at a later one, once
 * it was unused for the timeout (operator/identitygc/crd_gc.go:76@1.19.4): only one that was marked long before counts.
 */
function unusedIdentities(cluster: ClusterSnapshot): Finding[] {
  const nowMs = collectedMsOf(cluster);
  const { ciliumIdentities, ciliumEndpoints, config } = cluster;
  if (nowMs === undefined || ciliumIdentities?.ok !== true || !ciliumEndpoints.ok) return [];
  const settings: Readonly<Record<string, string | undefined>> = config.ok ? config.value : {};
  const setting = (key: string, otherwise: string): number =>
    durationMs(settings[key] ?? otherwise) ?? durationMs(otherwise) ?? 0;
  const graceMs =
    setting("identity-gc-interval", gcDefaults.interval) +
    setting("identity-heartbeat-timeout", gcDefaults.timeout) +
    slackMs;
  const used = new Set(ciliumEndpoints.value.map((e) => e.identity));
  const left = ciliumIdentities.value.filter(
    ({ id, markedMs }) => !used.has(id) && markedMs !== undefined && nowMs - markedMs > graceMs,
  );
  const [first] = left;
  if (first === undefined) return [];
  const more = left.length > 1 ? ` and ${left.length - 1} more` : "";
  const minutes = Math.round((nowMs - (first.markedMs ?? nowMs)) / 60_000);
  return [
    finding(cluster, {
      severity: "suspect",
      subject: `identity ${first.id} of ${nameOf(cluster)}`,
      message: `identity ${first.id}${more} of ${nameOf(cluster)} is used by no endpoint; the operator marked it for deletion ${minutes} minutes ago and has not deleted it`,
      next: `find out why in the operator's log (${kubectl(system, "logs", "deployment/cilium-operator")}), then ${kubectl(system, "delete", `ciliumidentity/${first.id}`)}`,
    }),
  ];
}
