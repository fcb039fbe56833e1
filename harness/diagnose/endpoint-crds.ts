import { oncePer } from "#harness/lib/once-per.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, PodState } from "#harness/model/mesh-snapshot.ts";
import { podKey } from "#harness/semantics/cluster-objects.ts";
import type { Difference } from "#harness/semantics/compare.ts";
import { findingOf } from "./catalogue/index.ts";
import { overridesIn } from "./node-configs.ts";
import { nodeSettings, settingsOf } from "./node-settings.ts";
import { isMeshed, known, nameOf } from "./parts.ts";
import { agents, helmUpgrade, operator, restart, restartAgent } from "./repairs.ts";

const key = "disable-endpoint-crd";

const compared = {
  key,
  valueOf: ({ settings }: { readonly settings: Readonly<Record<string, string | undefined>> }) =>
    settings[key] === "true" ? "true" : "false",
  effect: "pods there have no CiliumEndpoint",
};

/** Nodes whose agents write no CiliumEndpoints, because a setting says so. */
interface WithoutEndpoints {
  readonly nodes: readonly string[];
  /** Whether they are all of the cluster. */
  readonly isAll: boolean;
  /** Those that would have one. */
  readonly pods: readonly PodState[];
}

/**
 * Only where none of these pods has one: without a kvstore, agents write them all the same as long as network policies are
 * on (pkg/option/config.go:2806@1.20.2), and then one that is missing has another cause.
 */
const withoutEndpoints = oncePer((cluster: ClusterSnapshot): WithoutEndpoints | undefined => {
  if (!cluster.ciliumEndpoints.ok) return undefined;
  const all = nodeSettings(cluster);
  const nodes = all
    .filter(({ running, expected }) => compared.valueOf(running ?? expected) === "true")
    .map((n) => n.node);
  const own = new Set(nodes);
  const pods = known(cluster.pods).filter(
    (p) => own.has(p.node) && !p.hostNetwork && p.ended !== true && !p.ending && p.ready && p.ip !== "",
  );
  const written = new Set(cluster.ciliumEndpoints.value.map(podKey));
  if (pods.length === 0 || pods.some((p) => written.has(podKey(p)))) return undefined;
  return { nodes, isAll: nodes.length === all.length, pods };
});

/** Clusters that export no pod, or not those of some nodes, because CiliumEndpoints are off. */
export function endpointCrds(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) => {
    const off = withoutEndpoints(cluster);
    // In a kvstore, agents write the addresses of their pods themselves.
    const isInKvstore = settingsOf(cluster)?.settings["identity-allocation-mode"] === "kvstore";
    if (off === undefined || isInKvstore || !isMeshed(mesh, cluster)) return [];
    const where = off.isAll ? cluster.name : `${cluster.name} on node ${shortList(off.nodes, 5)}`;
    const pods = off.pods.length === 1 ? "its pod has no" : `none of its ${off.pods.length} pods has a`;
    return [
      findingOf("endpoints-disabled", {
        cluster: cluster.name,
        subject: `${key} of ${cluster.name}`,
        message: `${key} is true in ${where}, and ${pods} CiliumEndpoint: clustermesh-apiserver reads these, so it exports none of these pods, other clusters do not know their identities, and neither do the other nodes of ${cluster.name}`,
        next: remedy(cluster, off),
      }),
    ];
  });
}

function remedy(cluster: ClusterSnapshot, { nodes, isAll }: WithoutEndpoints): string {
  const overrides = overridesIn(cluster, compared);
  const configs = new Set(
    overrides.map(({ config }) => `CiliumNodeConfig ${config.namespace}/${config.name}`),
  );
  if (configs.size > 0)
    return [
      `take ${key} out of ${[...configs].join(" and ")}`,
      isAll ? restart(cluster, agents) : nodes.map((node) => restartAgent(cluster, node)).join("; "),
    ].join("; ");
  return `set disableEndpointCRD=false, and take ${key} out of extraConfig where it stands there: ${helmUpgrade(cluster, "disableEndpointCRD=false")}; ${restart(cluster, agents, operator)}`;
}

/** Tells which differences follow from it: missing CiliumEndpoints, and addresses that agents know without them. */
export function explainedByEndpointCrds(mesh: MeshSnapshot): (difference: Difference) => boolean {
  const byCluster = new Map(
    mesh.clusters.flatMap((cluster) => {
      const off = withoutEndpoints(cluster);
      if (off === undefined) return [];
      const own = { isAll: off.isAll, names: new Set(off.pods.map(podKey)), ips: addressesOf(cluster, off) };
      return [[nameOf(cluster), own] as const];
    }),
  );
  return ({ object, kind, of, name, origin }) => {
    const off = byCluster.get(of);
    if (off === undefined) return false;
    if (object === "CiliumEndpoint") return kind === "missing" && off.names.has(name);
    if (object !== "address") return false;
    // Of a node's addresses the origin is its CiliumNode.
    return off.ips.has(name) || (off.isAll && (kind === "stale" || origin.startsWith("pod ")));
  };
}

/** Pods that begin or end have addresses, too. */
const addressesOf = (cluster: ClusterSnapshot, { nodes }: WithoutEndpoints): ReadonlySet<string> =>
  new Set(
    known(cluster.pods)
      .filter((p) => nodes.includes(p.node) && !p.hostNetwork && p.ip !== "")
      .map((p) => p.ip),
  );
