import { type Cidr, contains, networkOf, parseCidr } from "#harness/lib/cidr.ts";
import { oncePer } from "#harness/lib/once-per.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, NodeState } from "#harness/model/mesh-snapshot.ts";
import { findingOf } from "./catalogue/index.ts";
import { known, nameOf } from "./parts.ts";
import { patch, restartAgent } from "./repairs.ts";

/** A node that others send packets for its pods to at an address that is not right, by its name in Cilium. */
interface Misaddressed {
  readonly node: string;
  readonly finding: Finding;
}

/** Of a mesh once: what fails because of it is another layer's. */
export const misaddressedNodes = oncePer((mesh: MeshSnapshot): readonly Misaddressed[] =>
  mesh.clusters.flatMap((cluster) => [...differing(mesh, cluster), ...wrongNetwork(mesh, cluster)]),
);

/** Nodes that are announced by an address which is not theirs, or which no other node reaches. */
export const nodeAddresses = (mesh: MeshSnapshot): Finding[] => misaddressedNodes(mesh).map((m) => m.finding);

const linuxNodes = ({ nodes }: ClusterSnapshot): readonly NodeState[] =>
  known(nodes).filter((n) => (n.os ?? "linux") === "linux" && n.address !== "");

/**
 * CiliumNodes with another InternalIP than their Nodes. An agent writes what it has of its Node (`mutateNodeResource`,
 * pkg/nodediscovery/nodediscovery.go@1.20.2). One with the address of another node is another finding.
 */
function differing(mesh: MeshSnapshot, cluster: ClusterSnapshot): Misaddressed[] {
  const taken = new Set(mesh.clusters.flatMap((c) => known(c.nodes).map((n) => n.address)));
  return linuxNodes(cluster).flatMap(({ name, address }) => {
    const addresses = known(cluster.ciliumNodes).find((n) => n.name === name)?.addresses ?? [];
    const internal = addresses.filter((a) => a.type === "InternalIP");
    const [held] = internal.filter((a) => a.ip.includes(":") === address.includes(":"));
    const isSame = addresses.some((a) => a.ip === address);
    if (held === undefined || isSame || taken.has(held.ip)) return [];
    const node = `${nameOf(cluster)}/${name}`;
    const device = devicesOf(cluster, name).find((d) => d.ip === address)?.device;
    const right = addresses.map((a) => (a === held ? { ...a, ip: address } : a));
    return [
      {
        node,
        finding: findingOf("node-address-differs", {
          cluster: cluster.name,
          subject: `CiliumNode ${name} of ${nameOf(cluster)}`,
          message: `CiliumNode ${name} of ${nameOf(cluster)} has the address ${held.ip}, and its Node has ${address}${device === undefined ? "" : `, which is on ${device} of the node`}: all other nodes, in every cluster, use ${held.ip} for it`,
          next: `${patch("", `ciliumnode/${name}`, { spec: { addresses: right } })}; ${restartAgent(cluster, name)}; if it changes back, the CiliumNode belongs to a Node that is gone (its ownerReferences): delete it, and the agent makes it anew`,
        }),
      },
    ];
  });
}

interface DeviceAddress {
  readonly device: string;
  readonly ip: string;
  readonly network: Cidr;
}

/** IPv4 addresses of a node, by its devices. */
function devicesOf({ nodeStates }: ClusterSnapshot, node: string): DeviceAddress[] {
  const read = nodeStates.find((n) => n.node === node)?.neighbours;
  const devices = read?.ok === true ? (read.value.devices ?? []) : [];
  return devices.flatMap(({ name, prefixes = [] }) =>
    prefixes.flatMap((prefix) => {
      const network = networkOf(prefix);
      return network === undefined
        ? []
        : [{ device: name, ip: prefix.replace(/\/.*$/, ""), network: parseCidr(network) }];
    }),
  );
}

/** Nodes that nobody reaches at their InternalIP, and that have an address in the network of the other nodes. */
function wrongNetwork(mesh: MeshSnapshot, cluster: ClusterSnapshot): Misaddressed[] {
  const nodes = linuxNodes(cluster);
  return nodes.flatMap(({ name, address }) => {
    const others = nodes.filter((n) => n.name !== name).map((n) => n.address);
    const devices = devicesOf(cluster, name);
    const isWith = ({ network }: DeviceAddress): boolean => others.every((ip) => contains(network, ip));
    const [better] = devices.filter((d) => d.ip !== address && isWith(d));
    const present = devices.find((d) => d.ip === address);
    const isApart = present === undefined || !others.some((ip) => contains(present.network, ip));
    const node = `${nameOf(cluster)}/${name}`;
    if (others.length === 0 || better === undefined || !isApart || !isUnreached(mesh, node, address))
      return [];
    const on = present === undefined ? ", which none of its devices has" : ` (${present.device})`;
    return [
      {
        node,
        finding: findingOf("node-internal-address", {
          cluster: cluster.name,
          subject: `address of node ${node}`,
          message: `${node} is announced by its InternalIP ${address}${on}, which no other node reaches; in the network of the other nodes (${better.network.text}) it has ${better.ip} (${better.device}): kubelet took the wrong address`,
          next: `start kubelet of ${name} with --node-ip=${better.ip}; then ${restartAgent(cluster, name)}`,
        }),
      },
    ];
  });
}

/** Whether every other agent that asks for a node at an address gets no answer from the node itself. */
function isUnreached(mesh: MeshSnapshot, node: string, address: string): boolean {
  const seen = mesh.clusters.flatMap((c) =>
    c.agents.flatMap(({ health }) =>
      health.ok && health.value.local !== node
        ? health.value.nodes.filter((n) => n.name === node && n.host.ip === address)
        : [],
    ),
  );
  const fails = (status: string | undefined): boolean => status !== undefined && status !== "";
  return seen.length > 0 && seen.every(({ host }) => fails(host.http?.status) && host.icmp?.status !== "");
}
