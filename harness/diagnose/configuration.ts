import { overlaps, parseCidr } from "#harness/lib/cidr.ts";
import { before } from "#harness/lib/names.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { type FindingId, findingOf } from "./catalogue/index.ts";
import { apiserverPods, ciliumNamespace, known, kubectl, nameOf, unseenPeers } from "./parts.ts";
import { agents, apiserver, helmUpgrade, inCluster, operator, patch, restart } from "./repairs.ts";

/** Cluster names, ids and CIDRs, as a mesh requires them (Cilium's "Setting up Cluster Mesh"). */
export function configuration(mesh: MeshSnapshot): Finding[] {
  return [...ids(mesh), ...peerNames(mesh), ...nodeAddresses(mesh), ...cidrs(mesh), ...serviceProxies(mesh)];
}

type Say = Omit<Finding, "id" | "layer" | "severity">;

const finding = (id: FindingId, said: Say): Finding => findingOf(id, said);

const settingOf = (cluster: ClusterSnapshot, key: string): string | undefined =>
  cluster.config.ok ? cluster.config.value[key] : undefined;

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
  const identity = known(cluster.ciliumEndpoints)
    .map((e) => e.identity)
    .find((n) => n >> bits > 0);
  if (id === undefined || identity === undefined) return [];
  const carried = identity >> bits;
  // Identities that are older than a change of the maximum fit the id by the other number of bits.
  if (carried === id || identity >> (bits === 15 ? 16 : 15) === id) return [];
  return [
    finding("cluster-id-changed", {
      cluster: cluster.name,
      subject: `cluster id of ${cluster.name}`,
      message: `${cluster.name} announces cluster id ${id}, but the identities of its endpoints belong to cluster ${carried}`,
      next: `set it back to ${carried}: ${helmUpgrade(cluster, `cluster.id=${carried}`)}; ${restart(cluster, apiserver, operator)}`,
    }),
  ];
}

function twinIds(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster, i) =>
    mesh.clusters
      .slice(i + 1)
      .filter((other) => idOf(cluster) !== undefined && idOf(other) === idOf(cluster))
      .map((other) =>
        finding("cluster-id-twice", {
          cluster: other.name,
          subject: `clusters ${cluster.name} and ${other.name}`,
          message: `${cluster.name} and ${other.name} both have cluster id ${idOf(cluster)}`,
          next: "give each cluster a unique id",
        }),
      ),
  );
}

function reportedIds(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) =>
    // Of several replicas one is enough: each has it from the peer.
    known(cluster.kvstoreMesh).flatMap((remote, i, all) => {
      if (all.findIndex((r) => r.name === remote.name) < i) return [];
      const peer = mesh.clusters.find((c) => c.name === remote.name);
      const own = peer === undefined ? undefined : idOf(peer);
      const { clusterId, retrieved } = remote.config;
      if (own === undefined || !retrieved || clusterId === 0 || clusterId === own) return [];
      return [
        finding("cluster-id-outdated", {
          cluster: cluster.name,
          subject: `cluster id of ${remote.name}`,
          message: `${cluster.name} has cluster id ${clusterId} for ${remote.name}, whose own configuration says ${own}`,
          next: inCluster(restart(peer ?? cluster, apiserver), peer ?? cluster),
        }),
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
      if (
        !mesh.clusters.some((c) => Object.keys(entriesOf(c, who)).length > 0) &&
        !(who === "kvstoreMesh" && readsCache(cluster))
      )
        continue;
      // Entries that its Secret may still have are read by nobody.
      if (who === "kvstoreMesh" && lacksKvstoreMesh(cluster)) continue;
      const [label, is, has] =
        who === "agents" ? (["the agents", "are", "have"] as const) : (["KVStoreMesh", "is", "has"] as const);
      for (const name of Object.keys(entries))
        if (!names.has(name) && !unseen.has(name))
          found.push(
            finding("peer-unknown", {
              cluster: cluster.name,
              subject: `${label} of ${cluster.name}`,
              message: `${label} of ${cluster.name} ${is} configured with a peer ${name}, but no cluster has that name (known: ${[...names.keys()].join(", ")})`,
              next: renamed(cluster, { who, name }),
            }),
          );
      for (const [name, peer] of names)
        if (
          name !== cluster.name &&
          entries[name] === undefined &&
          !(who === "kvstoreMesh" && readsDirectly(cluster, name))
        )
          found.push(
            finding("peer-missing", {
              cluster: cluster.name,
              subject: `${label} of ${cluster.name}`,
              message: `${label} of ${cluster.name} ${has} no entry for cluster ${name}${entriesOf(peer, who)[cluster.name] === undefined ? "" : `, which has one for ${cluster.name}: the mesh is configured on one side only`}`,
              next: `write the entry anew from clustermesh.config.clusters: ${helmUpgrade(cluster)}; ${restart(cluster, apiserver, agents)}; if that list does not name ${name}, add it there first, or use \`cilium clustermesh connect\``,
            }),
          );
    }
  }
  return found;
}

/** Secrets that agents and KVStoreMesh read their peers from. */
const secrets: Readonly<Record<string, string>> = {
  agents: "secret/cilium-clustermesh",
  kvstoreMesh: "secret/cilium-kvstoremesh",
};

/** Helm does not remove a key that it did not write. */
function renamed(
  cluster: ClusterSnapshot,
  { who, name }: { readonly who: string; readonly name: string },
): string {
  const remove = patch(ciliumNamespace(cluster), secrets[who] ?? "", { data: { [name]: null } });
  return `use the peer's own cluster name in clustermesh.config.clusters of ${cluster.name}; ${remove}; ${helmUpgrade(cluster)}; ${restart(cluster, apiserver, agents)}`;
}

/** The kvstore of the agents' own cluster (clustermesh-config/clustermesh-secret.yaml of the chart 1.19.7). */
const isOwnKvstore = (url: string): boolean => /^https?:\/\/clustermesh-apiserver\.[\w.-]+\.svc\b/.test(url);

/** Whether agents read the copies that KVStoreMesh keeps in their own cluster, so that it must have every peer. */
const readsCache = (cluster: ClusterSnapshot): boolean =>
  Object.values(entriesOf(cluster, "agents")).some((urls) => urls.some(isOwnKvstore));

/** Whether KVStoreMesh is switched off in a cluster: clustermesh-apiserver runs without its container. */
function lacksKvstoreMesh(cluster: ClusterSnapshot): boolean {
  const containers = apiserverPods(cluster).flatMap((p) => p.containers);
  const isThere = containers.some((c) => c.name === "kvstoremesh");
  return containers.length > 0 && !isThere && !readsCache(cluster);
}

/** Whether the agents of a cluster connect to a peer themselves, so that KVStoreMesh needs no entry for it. */
function readsDirectly(cluster: ClusterSnapshot, peer: string): boolean {
  const urls = entriesOf(cluster, "agents")[peer] ?? [];
  // With an etcd of its own (kvstoreMode external), the peer's configuration says that it is a copy.
  const isCopied = cluster.agents
    .flatMap((a) => known(a.remotes))
    .some((r) => r.name === peer && r.config.retrieved && r.config.kvstoreMesh);
  return urls.length > 0 && !urls.some(isOwnKvstore) && !isCopied;
}

function entriesOf(cluster: ClusterSnapshot, who: string): Readonly<Record<string, readonly string[]>> {
  return (cluster.peers.ok && cluster.peers.value[who as "agents" | "kvstoreMesh"]) || {};
}

/**
 * Node addresses must be unique across clusters (seed 003): reported once, by the first agent that lists both nodes.
 */
function nodeAddresses(mesh: MeshSnapshot): Finding[] {
  const found = new Map<string, Finding>();
  for (const cluster of mesh.clusters) {
    for (const { nodeList } of cluster.agents) {
      const owners = new Map<string, string>();
      for (const node of nodeList.ok ? nodeList.value : []) {
        for (const { ip } of node.addresses.filter((a) => a.type === "InternalIP")) {
          const other = owners.get(ip);
          owners.set(ip, node.name);
          if (other === undefined || found.has(ip)) continue;
          found.set(
            ip,
            finding("node-address-twice", {
              cluster: before(other, "/"),
              subject: `address ${ip}`,
              message: `nodes ${[other, node.name].sort().join(" and ")} both have address ${ip}`,
              next:
                rightAddress(mesh, ip) ??
                "node addresses must be unique across clusters: compare `kubectl get nodes -o wide` of each cluster",
            }),
          );
        }
      }
    }
  }
  return [...found.values()];
}

/** The CiliumNode with an address that its own Node does not have, put right. */
function rightAddress(mesh: MeshSnapshot, ip: string): string | undefined {
  for (const cluster of mesh.clusters)
    for (const { name, addresses = [] } of known(cluster.ciliumNodes)) {
      const node = known(cluster.nodes).find((n) => n.name === name);
      const isWrong = addresses.some((a) => a.type === "InternalIP" && a.ip === ip);
      if (!isWrong || node === undefined || node.address === "" || node.address === ip) continue;
      const right = addresses.map((a) =>
        a.type === "InternalIP" && a.ip === ip ? { ...a, ip: node.address } : a,
      );
      const command = patch("", `ciliumnode/${name}`, { spec: { addresses: right } });
      return `its Node has ${node.address}: ${inCluster(command, cluster)}`;
    }
  return undefined;
}

/** The same for pod CIDRs, which are those of the Node where Kubernetes assigns them. */
function rightCidr(cluster: ClusterSnapshot, name: string): string | undefined {
  const node = known(cluster.nodes).find((n) => n.name === name);
  const held = known(cluster.ciliumNodes).find((n) => n.name === name)?.podCidrs ?? [];
  if (settingOf(cluster, "ipam") !== "kubernetes" || node === undefined || node.podCidr === "")
    return undefined;
  if (held.length !== 1 || held[0] === node.podCidr) return undefined;
  const command = patch("", `ciliumnode/${name}`, { spec: { ipam: { podCIDRs: [node.podCidr] } } });
  return `its Node has ${node.podCidr}: ${inCluster(command, cluster)}`;
}

/** With `ipam: multi-pool` the CIDRs of nodes are parts of CiliumPodIPPools, and only the one that holds this is wrong. */
function ofPool(cluster: ClusterSnapshot, cidr: string): string | undefined {
  if (settingOf(cluster, "ipam") !== "multi-pool") return undefined;
  const look = inCluster(kubectl("", "get", "ciliumpodippools", "-o", "yaml"), cluster);
  return `pod CIDRs of meshed clusters must not overlap; see which CiliumPodIPPool holds ${cidr}: ${look}; let its pods use a pool with CIDRs that no cluster has, and delete it when no pod has an address of it`;
}

/** Pod CIDRs must be disjoint across all nodes of all clusters. */
function cidrs(mesh: MeshSnapshot): Finding[] {
  const all = mesh.clusters.flatMap((cluster) =>
    known(cluster.ciliumNodes).flatMap((node) =>
      node.podCidrs.map((text) => ({
        cluster,
        owner: `${cluster.name}/${node.name}`,
        node: node.name,
        cidr: parseCidr(text),
      })),
    ),
  );
  return all.flatMap((a, i) =>
    all
      .slice(i + 1)
      .filter((b) => overlaps(a.cidr, b.cidr))
      .map((b) =>
        finding("pod-cidr-overlap", {
          cluster: b.cluster.name,
          subject: `pod CIDR ${b.cidr.text}`,
          message: `pod CIDR ${a.cidr.text} of ${a.owner} and ${b.cidr.text} of ${b.owner} overlap`,
          next:
            rightCidr(b.cluster, b.node) ??
            rightCidr(a.cluster, a.node) ??
            ofPool(b.cluster, b.cidr.text) ??
            ofPool(a.cluster, a.cidr.text) ??
            "pod CIDRs of meshed clusters must not overlap",
        }),
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

function serviceProxies(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters
    .filter((cluster) => settingOf(cluster, "kube-proxy-replacement") === "false" && lacksKubeProxy(cluster))
    .map((cluster) =>
      finding("no-service-proxy", {
        cluster: cluster.name,
        subject: `kube-proxy replacement of ${cluster.name}`,
        message: `kube-proxy-replacement of ${cluster.name} is off and no kube-proxy runs there: nothing serves NodePort and LoadBalancer services`,
        next: `${helmUpgrade(cluster, "kubeProxyReplacement=true")}; ${restart(cluster, agents)}; or install kube-proxy`,
      }),
    );
}
