import { shellQuote } from "#harness/lib/shell-quote.ts";
import type {
  CidrGroup,
  ClusterSnapshot,
  MeshSnapshot,
  Part,
  PeerPath,
  PodState,
  ServiceState,
  SliceState,
} from "#harness/model/mesh-snapshot.ts";
import { healthPort, tunnelPort } from "#harness/semantics/mesh-settings.ts";

/** A part's value, or nothing if it was not collected or could not be read: only the layer `unread` reports that. */
export function known<T>(part: Part<readonly T[]> | undefined): readonly T[] {
  return part?.ok === true ? part.value : [];
}

/** How a reader of a cluster connects to a peer, as its `troubleshoot` printed it; of several agents the first that did. */
export function pathTo(
  { kvstoreMeshPaths, agents }: ClusterSnapshot,
  reader: "agents" | "kvstoreMesh",
  peer: string,
): PeerPath | undefined {
  const parts = reader === "kvstoreMesh" ? [kvstoreMeshPaths] : agents.map((a) => a.paths);
  return parts.flatMap((part) => known(part)).find((p) => p.peer === peer);
}

/** cilium-config, whose ConfigMap always has this key: an archive of bugtool knows the cluster's name and id alone. */
export const wholeConfig = ({ config }: ClusterSnapshot): Readonly<Record<string, string>> | undefined =>
  config.ok && config.value["identity-allocation-mode"] !== undefined ? config.value : undefined;

/** Its CiliumCIDRGroups; undefined where they were not read. */
export const cidrGroupsOf = ({ cidrGroups }: ClusterSnapshot): readonly CidrGroup[] | undefined =>
  cidrGroups?.ok === true ? cidrGroups.value : undefined;

/** The version that its agents run, where that is known. */
export const versionOf = ({ ciliumVersion }: Pick<ClusterSnapshot, "ciliumVersion">): string | undefined =>
  ciliumVersion?.ok === true ? ciliumVersion.value : undefined;

/** The UDP port of its tunnels; undefined with native routing. */
export const tunnelPortOf = (cluster: ClusterSnapshot): number | undefined =>
  tunnelPort({
    name: cluster.name,
    settings: cluster.config.ok ? cluster.config.value : {},
    version: versionOf(cluster),
  });

/** The TCP port at which its agents, and health endpoints, answer health checks. */
export const healthPortOf = ({ config }: Pick<ClusterSnapshot, "config">): number =>
  healthPort({ settings: config.ok ? config.value : {} });

/** Where Cilium is installed. */
export const ciliumNamespace = ({ workloads, pods }: ClusterSnapshot): string =>
  known(workloads).find((w) => w.kind === "DaemonSet" && w.name === "cilium")?.namespace ??
  known(pods).find((p) => p.labels["k8s-app"] === "cilium")?.namespace ??
  "kube-system";

/** Whether a cluster is one of a mesh, as far as is known: it has peers, or there is another cluster. */
export const isMeshed = (mesh: MeshSnapshot, { peers }: ClusterSnapshot): boolean =>
  mesh.clusters.length > 1 ||
  (peers.ok && Object.values(peers.value).some((entries) => Object.keys(entries).length > 0));

/** The pods of clustermesh-apiserver, each with an etcd of its own; not those that end. */
export function apiserverPods(cluster: ClusterSnapshot): readonly PodState[] {
  const own = ciliumNamespace(cluster);
  return known(cluster.pods).filter(
    (p) =>
      p.namespace === own && p.name.startsWith("clustermesh-apiserver-") && !p.ending && p.ended !== true,
  );
}

/**
 * A command line to paste; without a namespace for an object of the whole cluster. Objects are named `kind/name`: a
 * name from an archive could begin like an option.
 */
export const kubectl = (namespace: string, ...args: readonly string[]): string =>
  shellQuote(["kubectl", ...(namespace === "" ? [] : ["-n", namespace]), ...args]);

/** The name in the cluster's own configuration. */
export const nameOf = (c: ClusterSnapshot): string =>
  (c.config.ok ? c.config.value["cluster-name"] : undefined) ?? c.name;

/**
 * Peers that a cluster names in addition to all others of the snapshot: their data was not supplied, for example if
 * only one sysdump of a mesh is available. A name in place of that of another cluster is a mistake instead.
 */
export function unseenPeers(mesh: MeshSnapshot, cluster: ClusterSnapshot): ReadonlySet<string> {
  if (!cluster.peers.ok) return new Set();
  const names = mesh.clusters.map(nameOf);
  const others = names.filter((name) => name !== nameOf(cluster));
  return new Set(
    Object.values(cluster.peers.value)
      .map((entries) => Object.keys(entries))
      .filter((peers) => others.every((name) => peers.includes(name)))
      .flatMap((peers) => peers.filter((name) => !names.includes(name))),
  );
}

/** A service's EndpointSlices in a cluster, whoever wrote them. */
export const slicesOf = (
  { slices }: Pick<ClusterSnapshot, "slices">,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): readonly SliceState[] => known(slices).filter((s) => s.namespace === namespace && s.service === name);

export const mcsLabel = "multicluster.kubernetes.io/service-name";

/** The service that Cilium makes for a ServiceImport. */
export const isDerived = ({ labels = {}, name }: ServiceState): boolean =>
  labels[mcsLabel] !== undefined || /^derived-[a-z0-9]+$/.test(name);
