import { overlaps, parseCidr } from "#harness/lib/cidr.ts";
import { before } from "#harness/lib/names.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { known, nameOf, unseenPeers } from "./parts.ts";

/** Cluster names, ids and CIDRs, and the settings that a mesh requires (Cilium's "Setting up Cluster Mesh"). */
export function configuration(mesh: MeshSnapshot): Finding[] {
  return [
    ...twinNames(mesh),
    ...ids(mesh),
    ...peerNames(mesh),
    ...peerPorts(mesh),
    ...nodeAddresses(mesh),
    ...cidrs(mesh),
    ...settings(mesh),
  ];
}

const finding = (cluster: string, subject: string, message: string, next: string): Finding => ({
  layer: "configuration",
  severity: "broken",
  cluster,
  subject,
  message,
  next,
});

const settingOf = (cluster: ClusterSnapshot, key: string): string | undefined =>
  cluster.config.ok ? cluster.config.value[key] : undefined;

/** Each cluster reads another one of its own name as itself. */
function twinNames(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster, i) =>
    mesh.clusters
      .slice(i + 1)
      .filter((other) => nameOf(other) === nameOf(cluster))
      .map((other) =>
        finding(
          other.name,
          `clusters ${cluster.name} and ${other.name}`,
          `two clusters have the name ${nameOf(cluster)}; they are listed as ${cluster.name} and ${other.name}`,
          "give each cluster a unique cluster.name and cluster.id, and restart its agents and clustermesh-apiserver",
        ),
      ),
  );
}

/** Undefined if it could not be read: then no other id contradicts it. */
function idOf(cluster: ClusterSnapshot): number | undefined {
  const reported = settingOf(cluster, "cluster-id");
  return reported === undefined ? undefined : Number(reported);
}

/** Ids that the cluster's own identities contradict come first, then duplicate ids, then ids that peers received. */
function ids(mesh: MeshSnapshot): Finding[] {
  return [...mesh.clusters.flatMap(idAndIdentities), ...twinIds(mesh), ...reportedIds(mesh)];
}

/** Identities carry the cluster's id in their upper bits (pkg/identity, cluster-scoped numeric identities). */
function idAndIdentities(cluster: ClusterSnapshot): Finding[] {
  const id = idOf(cluster);
  // 8 bits of 24 for the cluster, or 9 where 511 clusters may be connected (pkg/clustermesh/types).
  const bits = settingOf(cluster, "max-connected-clusters") === "511" ? 15 : 16;
  const carried = known(cluster.ciliumEndpoints)
    .map((e) => e.identity >> bits)
    .find((n) => n > 0);
  if (id === undefined || carried === undefined || carried === id) return [];
  return [
    finding(
      cluster.name,
      `cluster id of ${cluster.name}`,
      `${cluster.name} announces cluster id ${id}, but the identities of its endpoints belong to cluster ${carried}`,
      `set cluster-id of ${cluster.name} back to ${carried} and restart clustermesh-apiserver`,
    ),
  ];
}

function twinIds(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster, i) =>
    mesh.clusters
      .slice(i + 1)
      .filter((other) => idOf(cluster) !== undefined && idOf(other) === idOf(cluster))
      .map((other) =>
        finding(
          other.name,
          `clusters ${cluster.name} and ${other.name}`,
          `${cluster.name} and ${other.name} both have cluster id ${idOf(cluster)}`,
          "give each cluster a unique id",
        ),
      ),
  );
}

function reportedIds(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) =>
    known(cluster.kvstoreMesh).flatMap((remote) => {
      const peer = mesh.clusters.find((c) => c.name === remote.name);
      const own = peer === undefined ? undefined : idOf(peer);
      const { clusterId, retrieved } = remote.config;
      if (own === undefined || !retrieved || clusterId === 0 || clusterId === own) return [];
      return [
        finding(
          cluster.name,
          `cluster id of ${remote.name}`,
          `${cluster.name} has cluster id ${clusterId} for ${remote.name}, whose own configuration says ${own}`,
          `restart clustermesh-apiserver of ${remote.name}`,
        ),
      ];
    }),
  );
}

/** Entries for clusters that do not exist, and clusters without an entry. */
function peerNames(mesh: MeshSnapshot): Finding[] {
  const names = new Map(mesh.clusters.map((c) => [nameOf(c), c]));
  const found: Finding[] = [];
  for (const cluster of mesh.clusters) {
    if (!cluster.peers.ok) continue;
    const unseen = unseenPeers(mesh, cluster);
    for (const [who, entries] of Object.entries(cluster.peers.value)) {
      // A reader that no cluster has configured is not used by this mesh.
      if (!mesh.clusters.some((c) => Object.keys(entriesOf(c, who)).length > 0)) continue;
      const label = who === "agents" ? "the agents" : "KVStoreMesh";
      for (const name of Object.keys(entries))
        if (!names.has(name) && !unseen.has(name))
          found.push(
            finding(
              cluster.name,
              `${label} of ${cluster.name}`,
              `${label} of ${cluster.name} are configured with a peer ${name}, but no cluster has that name (known: ${[...names.keys()].join(", ")})`,
              `use the peer's own cluster name in clustermesh.config.clusters of ${cluster.name}`,
            ),
          );
      for (const [name, peer] of names)
        if (name !== cluster.name && entries[name] === undefined)
          found.push(
            finding(
              cluster.name,
              `${label} of ${cluster.name}`,
              `${label} of ${cluster.name} have no entry for cluster ${name}${entriesOf(peer, who)[cluster.name] === undefined ? "" : `, which has one for ${cluster.name}: the mesh is configured on one side only`}`,
              `cilium clustermesh connect, or add ${name} to clustermesh.config.clusters of ${cluster.name}`,
            ),
          );
    }
  }
  return found;
}

/** An unreachable peer, contacted at a port where its clustermesh-apiserver does not listen. */
function peerPorts(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) =>
    Object.entries(entriesOf(cluster, "kvstoreMesh")).flatMap(([name, endpoints]) => {
      const peer = mesh.clusters.find((c) => c !== cluster && c.name === name);
      const remote = known(cluster.kvstoreMesh).find((r) => r.name === name);
      const apiserver = known(peer?.services ?? nothing).find((s) => s.name === "clustermesh-apiserver");
      if (apiserver === undefined) return [];
      const { type, outerPorts: listens = [] } = apiserver;
      const requested = endpoints.map((e) => Number(/:(\d+)$/.exec(e)?.[1]));
      if (remote?.ready !== false || listens.length === 0 || requested.some((p) => listens.includes(p)))
        return [];
      return [
        finding(
          cluster.name,
          `the port of ${name} in ${cluster.name}`,
          `KVStoreMesh of ${cluster.name} contacts ${name} at port ${requested.join(", ")}; its clustermesh-apiserver listens at ${listens.join(", ")} (${type})`,
          `set the port of ${name} in clustermesh.config.clusters of ${cluster.name} to ${listens[0]}`,
        ),
      ];
    }),
  );
}

const nothing = { ok: false, why: "no such cluster" } as const;

function entriesOf(cluster: ClusterSnapshot, who: string): Readonly<Record<string, readonly string[]>> {
  return (cluster.peers.ok && cluster.peers.value[who as "agents" | "kvstoreMesh"]) || {};
}

/**
 * Node addresses must be unique across clusters (seed 003): reported once, by the first agent that lists both nodes.
 */
function nodeAddresses(mesh: MeshSnapshot): Finding[] {
  const found = new Map<string, Finding>();
  for (const { agents } of mesh.clusters) {
    for (const { nodeList } of agents) {
      const owners = new Map<string, string>();
      for (const node of nodeList.ok ? nodeList.value : []) {
        for (const { ip } of node.addresses.filter((a) => a.type === "InternalIP")) {
          const other = owners.get(ip);
          owners.set(ip, node.name);
          if (other === undefined || found.has(ip)) continue;
          found.set(
            ip,
            finding(
              before(other, "/"),
              `address ${ip}`,
              `nodes ${[other, node.name].sort().join(" and ")} both have address ${ip}`,
              "node addresses must be unique across clusters: compare `kubectl get nodes -o wide` of each cluster",
            ),
          );
        }
      }
    }
  }
  return [...found.values()];
}

/** Pod CIDRs must be disjoint across all nodes of all clusters. */
function cidrs(mesh: MeshSnapshot): Finding[] {
  const all = mesh.clusters.flatMap((cluster) =>
    known(cluster.ciliumNodes).flatMap((node) =>
      node.podCidrs.map((text) => ({
        cluster,
        owner: `${cluster.name}/${node.name}`,
        cidr: parseCidr(text),
      })),
    ),
  );
  return all.flatMap((a, i) =>
    all
      .slice(i + 1)
      .filter((b) => overlaps(a.cidr, b.cidr))
      .map((b) =>
        finding(
          b.cluster.name,
          `pod CIDR ${b.cidr.text}`,
          `pod CIDR ${a.cidr.text} of ${a.owner} and ${b.cidr.text} of ${b.owner} overlap`,
          "pod CIDRs of meshed clusters must not overlap",
        ),
      ),
  );
}

/**
 * A sysdump lists only Cilium's own workloads, so there the absence of kube-proxy shows nothing: k3s runs it inside its
 * own process, without a pod.
 */
function lacksKubeProxy({ workloads, pods }: ClusterSnapshot): boolean {
  const isListed = known(workloads).some((w) => !/^(cilium|clustermesh|hubble)/.test(w.name));
  return (
    isListed &&
    !known(workloads).some((w) => w.name === "kube-proxy") &&
    !known(pods).some((p) => p.name.startsWith("kube-proxy-"))
  );
}

function settings(mesh: MeshSnapshot): Finding[] {
  const found: Finding[] = [];
  for (const cluster of mesh.clusters) {
    const replacement = settingOf(cluster, "kube-proxy-replacement");
    if (replacement === "false" && lacksKubeProxy(cluster))
      found.push(
        finding(
          cluster.name,
          `kube-proxy replacement of ${cluster.name}`,
          `kube-proxy-replacement of ${cluster.name} is off and no kube-proxy runs there: nothing serves NodePort and LoadBalancer services`,
          `set kubeProxyReplacement to true in ${cluster.name}`,
        ),
      );
  }
  const modes = mesh.clusters.map((c) => ({ name: c.name, mode: settingOf(c, "routing-mode") }));
  const [first] = modes;
  if (first !== undefined && modes.some(({ mode }) => mode !== first.mode))
    found.push(
      finding(
        first.name,
        "routing-mode",
        `clusters differ in routing-mode: ${modes.map(({ name, mode }) => `${name} ${mode}`).join(", ")}`,
        "all clusters of a mesh must use the same data path mode",
      ),
    );
  return found;
}
