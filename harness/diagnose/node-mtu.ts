import type { NodeDevice } from "#harness/model/announcements.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, NodeInside } from "#harness/model/mesh-snapshot.ts";
import { findingOf } from "./catalogue/index.ts";
import { effectiveSettings, nodeSettings } from "./node-settings.ts";
import { known, nameOf } from "./parts.ts";
import { agents, helmUpgrade, inCluster, restart } from "./repairs.ts";

/** What a node sends and takes, in bytes of an IP packet between nodes. */
interface NodeMtu {
  readonly cluster: ClusterSnapshot;
  readonly node: string;
  readonly device: string;
  /** Of its device. */
  readonly takes: number;
  /** The setting `mtu` of its agent or, where that is 0, what the agent detects: the MTU of the device. */
  readonly sends: number;
  /** Of its routes to pods of other nodes. */
  readonly routes: number | undefined;
}

/**
 * Nodes of which some send larger packets than others take. An agent detects the MTU of its own node alone and uses it
 * for every remote node (pkg/mtu; DeviceMTU in pkg/datapath/loader/base.go@1.19.7), so two networks in one mesh differ
 * though no setting does. A path may cope by fragmentation or path MTU discovery, so it is suspect; where the setting
 * `mtu` itself differs between clusters, that is the finding of `settings`.
 */
export function nodeMtus(mesh: MeshSnapshot): Finding[] {
  const set = new Set(mesh.clusters.map((c) => settingIn(effectiveSettings(c)?.settings.mtu)));
  const all = mesh.clusters.flatMap(mtusIn).toSorted((a, b) => b.sends - a.sends || b.takes - a.takes);
  const smallest = Math.min(...all.map((n) => n.takes));
  const [largest] = all;
  if (set.size > 1 || largest === undefined || largest.sends <= smallest) return [];
  const groups = [...Map.groupBy(all, (n) => JSON.stringify([n.cluster.name, n.sends, n.takes])).values()];
  const commands = mesh.clusters.flatMap((c) => [
    inCluster(helmUpgrade(c, `MTU=${smallest}`), c),
    inCluster(restart(c, agents), c),
  ]);
  return [
    findingOf("node-mtu-differs", {
      cluster: largest.cluster.name,
      subject: "MTU of nodes",
      message: `MTUs of nodes differ: ${listed(groups.map(textOf), 6)}; packets of more than ${smallest} bytes, tunnel headers included, to nodes that take no more are lost where nothing answers "fragmentation needed", while small ones and health checks pass`,
      next: `either let ICMP "fragmentation needed" (type 3, code 4) pass between all nodes, or set the Helm value MTU to one value in all clusters, not more than every node takes: ${commands.join("; ")}; pods that run keep their MTU until they are created anew`,
    }),
  ];
}

/** 0, and no setting, mean that it is detected. */
const settingIn = (mtu: string | undefined): number => {
  const set = Number(mtu ?? 0);
  return Math.max(set || 0, 0);
};

/** Of nodes with Linux whose devices were read. */
function mtusIn(cluster: ClusterSnapshot): NodeMtu[] {
  const inside = new Map(cluster.nodeStates.map((n) => [n.node, n]));
  const settings = new Map(nodeSettings(cluster).map((n) => [n.node, (n.running ?? n.expected).settings]));
  return known(cluster.nodes).flatMap(({ name, address, os = "linux" }) => {
    const read = inside.get(name);
    const device = os === "linux" && read !== undefined ? deviceOf(read, address) : undefined;
    if (device?.mtu === undefined) return [];
    const routes = read?.neighbours?.ok === true ? read.neighbours.value.routeMtu : undefined;
    const sends = settingIn(settings.get(name)?.mtu) || device.mtu;
    return [{ cluster, node: name, device: device.name, takes: device.mtu, sends, routes }];
  });
}

/** The one with the node's address, by which other nodes reach it; else the only one. */
function deviceOf({ neighbours }: NodeInside, address: string): NodeDevice | undefined {
  const devices = neighbours?.ok === true ? (neighbours.value.devices ?? []) : [];
  const [only, ...others] = devices;
  return devices.find((d) => d.ips.includes(address)) ?? (others.length === 0 ? only : undefined);
}

/** Nodes of one cluster with the same MTU: `a and b of east have 9001 (eth0; routes to pods of other nodes 8951)`. */
function textOf(nodes: readonly NodeMtu[]): string {
  const [first] = nodes;
  if (first === undefined) return "";
  const { cluster, sends, takes } = first;
  const devices = [...new Set(nodes.map((n) => n.device))];
  const routes = [...new Set(nodes.flatMap((n) => n.routes ?? []))];
  const details = [
    listed(devices, 3),
    ...(routes.length === 0 ? [] : [`routes to pods of other nodes ${listed(routes.map(String), 3)}`]),
    ...(sends === takes ? [] : [`the setting mtu is ${sends}`]),
  ];
  const names = listed(
    nodes.map((n) => n.node),
    3,
  );
  return `${names} of ${nameOf(cluster)} ${nodes.length === 1 ? "has" : "have"} MTU ${takes} (${details.join("; ")})`;
}

function listed(texts: readonly string[], most: number): string {
  const shown = texts.slice(0, most);
  if (texts.length > most) return `${shown.join(", ")} and ${texts.length - most} more`;
  const last = shown.at(-1) ?? "";
  return shown.length < 2 ? last : `${shown.slice(0, -1).join(", ")} and ${last}`;
}
