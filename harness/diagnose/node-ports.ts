import { contains, networkOf, parseCidr } from "#harness/lib/cidr.ts";
import { oncePer } from "#harness/lib/once-per.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { findingOf } from "./catalogue/index.ts";
import { known, nameOf } from "./parts.ts";
import { type Contact, contacts } from "./peer-addresses.ts";
import { agents, helmUpgrade, restart } from "./repairs.ts";

const setting = "nodeport-addresses";

/**
 * Peers that are contacted at a node's address at which their Cilium serves no NodePort, although their clustermesh-apiserver
 * has one: it serves them at the addresses in `nodeport-addresses`, without it at one of each device
 * (`getAddressesFromDevice`, pkg/datapath/tables/node_address.go@1.20.2). Of a mesh once: connections that fail ask again.
 */
export const nodePorts = oncePer((mesh: MeshSnapshot): Finding[] =>
  mesh.clusters.flatMap((cluster) =>
    contacts(cluster).flatMap((contact) => {
      const peer = mesh.clusters.find((c) => c !== cluster && [c.name, nameOf(c)].includes(contact.peer));
      return peer === undefined || contact.ready !== false ? [] : ofContact(cluster, contact, peer);
    }),
  ),
);

function ofContact(cluster: ClusterSnapshot, contact: Contact, peer: ClusterSnapshot): Finding[] {
  const apiserver = known(peer.services).find((s) => s.name === "clustermesh-apiserver");
  if (!peer.config.ok || peer.config.value["kube-proxy-replacement"] !== "true") return [];
  const ports = contact.ports.filter((p) => p >= 1024 && apiserver?.outerPorts?.includes(p) === true);
  const balanced = new Set([apiserver?.loadBalancerIp, ...(apiserver?.addresses ?? [])]);
  const addresses = [...new Set(contact.addresses)].filter((ip) => !balanced.has(ip));
  const unserved = addresses.flatMap((ip) => ports.flatMap((port) => unservedAt(peer, ip, port) ?? []));
  const [first] = unserved;
  // One address that is served is enough.
  if (first === undefined || unserved.length < addresses.length * ports.length) return [];
  const { ip, port, node, why } = first;
  const [verb, what] = contact.who === "KVStoreMesh" ? ["contacts", "is"] : ["contact", "are"];
  const isSet = (peer.config.value[setting] ?? "") !== "";
  return [
    findingOf("node-port-not-served", {
      cluster: peer.name,
      subject: `NodePort of clustermesh-apiserver of ${nameOf(peer)}`,
      message: `${contact.who} of ${nameOf(cluster)} ${verb} ${nameOf(peer)} at ${ip}:${port}, where Cilium of ${nameOf(peer)} serves no NodePort (node ${node}): ${why}; ${contact.who} ${what} not connected`,
      next: isSet
        ? `serve it at the nodes' addresses: ${helmUpgrade(peer, "nodePort.addresses=null")}; ${restart(peer, agents)}; or add the network of ${ip} to nodePort.addresses`
        : `contact ${nameOf(peer)} at an address that is served, in clustermesh.config.clusters of ${cluster.name}; or set nodePort.addresses of ${nameOf(peer)} to the network of ${ip}`,
    }),
  ];
}

interface Unserved {
  readonly ip: string;
  readonly port: number;
  readonly node: string;
  readonly why: string;
}

/** Undefined where the address is no node's, its agent's map was not read, or nothing says why it is not served. */
function unservedAt(peer: ClusterSnapshot, ip: string, port: number): Unserved | undefined {
  const node = [
    ...known(peer.nodes).map((n) => ({ name: n.name, ips: [n.address] })),
    ...known(peer.ciliumNodes).map((n) => ({ name: n.name, ips: (n.addresses ?? []).map((a) => a.ip) })),
  ].find((n) => n.ips.includes(ip))?.name;
  const maps = peer.agents.find((a) => a.node === node)?.lbMaps;
  if (node === undefined || maps?.ok !== true || maps.value.size === 0) return undefined;
  const served = [...maps.value.keys()].flatMap((key) => {
    const [, at, of] = /^\[?([\d.a-f:]+?)\]?:(\d+)(?:\/TCP)?$/i.exec(key) ?? [];
    return at === undefined || Number(of) !== port || ["0.0.0.0", "::"].includes(at) ? [] : [at];
  });
  if (served.includes(ip)) return undefined;
  const set = peer.config.ok ? (peer.config.value[setting] ?? "") : "";
  const ranges = set.split(/[\s,]+/).flatMap((text) => networkOf(text) ?? []);
  if (ranges.length > 0 && !ranges.some((r) => contains(parseCidr(r), ip)))
    return { ip, port, node, why: `${setting} (${set}) leaves this address out` };
  if (served.length === 0) return undefined;
  return { ip, port, node, why: `there it is served at ${shortList(served, 3)} only` };
}
