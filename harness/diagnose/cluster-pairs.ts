import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { HealthReport } from "#harness/model/snapshot.ts";
import { findingOf } from "./catalogue/index.ts";
import { healthReportOf, portsAsked } from "./health-settings.ts";
import { ipsecKeyContent } from "./ipsec-keys.ts";
import { healthPortOf, known, nameOf } from "./parts.ts";
import { contacts } from "./peer-addresses.ts";
import { podCarrierOf } from "./pod-carriers.ts";

type HealthNode = HealthReport["nodes"][number];

interface Target {
  readonly node: string;
  readonly ip: string;
}

/** No agent of one cluster reaches any node of another, which those of its own cluster reach. */
export interface ClusterPair {
  readonly from: ClusterSnapshot;
  readonly to: ClusterSnapshot;
  /** `nodes`: neither they nor pods on them answer; `pods`: they do, and what is sent to pods does not arrive. */
  readonly what: "nodes" | "pods";
  readonly targets: readonly Target[];
  /** Whether every one of the nodes answers ICMP. */
  readonly answersIcmp: boolean;
  /** The TCP ports that were asked and do not answer; undefined where TCP to nodes is not judged. */
  readonly ports: string | undefined;
}

/** What else explains failed paths. */
interface Explained {
  /** By the nodes at its ends. */
  readonly path: (from: string, to: string) => boolean;
  /** Whether a node is down by itself: what it says, and what is said of it, counts for nothing. */
  readonly isDown: (node: string) => boolean;
}

function reportsOf(
  mesh: MeshSnapshot,
  { agents }: ClusterSnapshot,
  isDown: Explained["isDown"],
): HealthReport[] {
  const reports = agents.flatMap((agent) => healthReportOf(mesh, agent) ?? []);
  return reports
    .filter((r) => !isDown(r.local))
    .map((r) => ({ ...r, nodes: r.nodes.filter((n) => !isDown(n.name)) }));
}

/** By HTTP, because ICMP alone may be blocked on purpose. */
const hostFails = ({ host }: HealthNode): boolean => ((host.http ?? host.icmp)?.status ?? "") !== "";
const endpointFails = ({ endpoint }: HealthNode): boolean | undefined => {
  const path = endpoint?.http ?? endpoint?.icmp;
  return path === undefined ? undefined : path.status !== "";
};

/** By every protocol: ICMP that arrives there shows that packets to pods do. */
function isEndpointCut({ endpoint }: HealthNode): boolean {
  const seen = [endpoint?.http, endpoint?.icmp].flatMap((path) => path ?? []);
  return seen.length > 0 && seen.every((path) => path.status !== "");
}

/** A refusal is an answer: packets pass. */
const isRefused = ({ host }: HealthNode): boolean => /connection refused/i.test(host.http?.status ?? "");

/** Pairs of clusters between which nothing passes in at least one direction, by the health checks of all their agents. */
export function clusterPairs(mesh: MeshSnapshot, explained: Explained): ClusterPair[] {
  const names = mesh.clusters.map(nameOf);
  if (new Set(names).size < names.length) return [];
  return mesh.clusters.flatMap((from) =>
    mesh.clusters.filter((to) => to !== from).flatMap((to) => pairOf(mesh, { from, to }, explained)),
  );
}

function pairOf(
  mesh: MeshSnapshot,
  { from, to }: Pick<ClusterPair, "from" | "to">,
  explained: Explained,
): ClusterPair[] {
  const own = `${nameOf(to)}/`;
  const reports = reportsOf(mesh, from, explained.isDown).map(({ local, nodes }) => ({
    local,
    nodes: nodes.filter((n) => n.name.startsWith(own)),
  }));
  const cells = reports.flatMap(({ local, nodes }) => nodes.map((node) => ({ local, node })));
  const isWhole = reports.every((r) => r.nodes.length > 0) && cells.length > 0;
  if (!isWhole || cells.some((c) => explained.path(c.local, c.node.name))) return [];
  const isAll = (test: (node: HealthNode) => boolean): boolean => cells.every((c) => test(c.node));
  const what =
    isAll((n) => hostFails(n) && isEndpointCut(n)) && !isAll(isRefused)
      ? "nodes"
      : isAll((n) => !hostFails(n) && isEndpointCut(n))
        ? "pods"
        : undefined;
  const targets = new Map(cells.map(({ node }) => [node.name, node.host.ip]));
  if (what === undefined) return [];
  const home = seenAtHome(mesh, to, explained.isDown);
  if (![...targets].every(([name, ip]) => isWellAtHome(to, { name, ip, what, seen: home.get(name) ?? [] })))
    return [];
  const listed = [...targets].map(([name, ip]) => ({ node: name.slice(own.length), ip }));
  const answersIcmp = isAll((n) => n.host.icmp?.status === "");
  const asked = cells.map(({ local, node }) => ({ local, status: node.host.http?.status ?? "" }));
  const ports = isAll((n) => n.host.http !== undefined) ? portsAsked(mesh, asked) : undefined;
  return [{ from, to, what, targets: listed, answersIcmp, ports }];
}

/**
 * What the other agents of a cluster say of each node. The node's own report says nothing of the network, so of a cluster
 * with one node it is not known what is at fault.
 */
const seenAtHome = (
  mesh: MeshSnapshot,
  cluster: ClusterSnapshot,
  isDown: Explained["isDown"],
): ReadonlyMap<string, readonly HealthNode[]> =>
  Map.groupBy(
    reportsOf(mesh, cluster, isDown).flatMap(({ local, nodes }) => nodes.filter((n) => n.name !== local)),
    (n) => n.name,
  );

interface AtHome {
  readonly name: string;
  readonly ip: string;
  readonly what: ClusterPair["what"];
  readonly seen: readonly HealthNode[];
}

/** Whether the node exists with that address, and an agent of its own cluster reaches it. */
function isWellAtHome(cluster: ClusterSnapshot, { name, ip, what, seen }: AtHome): boolean {
  const node = cluster.nodes.ok
    ? cluster.nodes.value.find((n) => `${nameOf(cluster)}/${n.name}` === name)
    : undefined;
  if (cluster.nodes.ok && node === undefined) return false;
  const ips = [
    node?.address ?? "",
    ...known(cluster.ciliumNodes)
      .filter((n) => `${nameOf(cluster)}/${n.name}` === name)
      .flatMap((n) => (n.addresses ?? []).map((a) => a.ip)),
  ].filter((a) => a !== "");
  if (ips.length > 0 && !ips.includes(ip)) return false;
  return (
    seen.length > 0 && seen.every((n) => !hostFails(n) && (what === "nodes" || endpointFails(n) !== true))
  );
}

/** One finding for two clusters; the direction in which less passes is described, and decides on its place. */
export function pairFindings(pairs: readonly ClusterPair[], what: ClusterPair["what"]): Finding[] {
  const reported = new Set<ClusterPair>();
  return pairs.flatMap((pair) => {
    if (reported.has(pair)) return [];
    const back = pairs.find((p) => p.from === pair.to && p.to === pair.from);
    const [main, other] = pair.what === "pods" && back?.what === "nodes" ? [back, pair] : [pair, back];
    for (const p of [main, other]) if (p !== undefined) reported.add(p);
    return main.what === what ? [findingFor(main, other)] : [];
  });
}

const addressesOf = (targets: readonly Target[]): string =>
  shortList(
    targets.map((t) => t.ip),
    6,
  );
const namedTargets = (targets: readonly Target[]): string =>
  shortList(
    targets.map((t) => `${t.node} ${t.ip}`),
    6,
  );

/** What carries packets to pods of a cluster. */
interface Carrier {
  /** That it uses the addresses of nodes. */
  readonly usage: string;
  readonly what: string;
  /** What must pass between nodes. */
  readonly need: string;
  readonly fix: (ends: string) => string;
}

function carrierOf(cluster: ClusterSnapshot): Carrier {
  const { what, need, isRouted } = podCarrierOf(cluster);
  return isRouted
    ? {
        ...{ what, need, usage: "Packets to its pods are routed there too" },
        fix: (ends) => `route the pod CIDRs of both clusters between ${ends}`,
      }
    : {
        ...{ what, need, usage: `${what.charAt(0).toUpperCase()}${what.slice(1)} go there too` },
        fix: (ends) =>
          `let ${need} pass between ${ends}, in both directions: security groups, VPN and firewalls between the clusters`,
      };
}

function findingFor(main: ClusterPair, back: ClusterPair | undefined): Finding {
  const { from, to, what, targets } = main;
  const undecrypted = what === "pods" ? ipsecKeyContent(from, to) : undefined;
  if (undecrypted !== undefined) return undecrypted;
  const nodes = known(from.nodes)
    .map((n) => n.address)
    .filter((ip) => ip !== "");
  const own = nodes.length === 0 ? "" : ` (${shortList(nodes, 6)})`;
  const { message, next } = what === "nodes" ? nodesApart(main, back, own) : podsApart(main, back, own);
  return findingOf("clusters-unreachable", {
    cluster: to.name,
    subject: `nodes of ${to.name} (${addressesOf(targets)}) from ${from.name}`,
    message,
    next,
  });
}

interface Words {
  readonly message: string;
  readonly next: string;
}

function nodesApart(
  { from, to, targets, answersIcmp, ports }: ClusterPair,
  back: ClusterPair | undefined,
  own: string,
): Words {
  const carrier = carrierOf(to);
  const tcp = `TCP ${ports ?? healthPortOf(to)}`;
  const how = answersIcmp ? "by anything but ICMP" : ports === undefined ? "by ICMP" : `by ICMP or ${tcp}`;
  const both = back?.what === "nodes" ? `, nor the other way round (${namedTargets(back.targets)})` : "";
  const where = controlAddress(from, to, targets);
  const control =
    where === undefined ? "" : `; the control plane is connected, because it uses another address (${where})`;
  const path = answersIcmp
    ? `the network between the clusters lets only ICMP pass`
    : `the network between the clusters has no path from the nodes of ${from.name}${own} to these addresses`;
  return {
    message: `no agent of ${from.name} reaches any node of ${to.name} at the address by which it is announced (${namedTargets(targets)}) ${how}${both}, and within ${to.name} they are reached: ${path}. ${carrier.usage}, so no traffic of pods passes between ${from.name} and ${to.name}${control}`,
    next: answersIcmp
      ? `let ${carrier.need} and ${tcp} pass between the nodes of both clusters, in both directions`
      : `connect the two networks (VPN, peering, routes), so that the nodes of ${from.name} reach ${addressesOf(targets)}, and the answers come back, with ${carrier.need}, ${tcp} and ICMP; or give the nodes of ${to.name} InternalIPs that ${from.name} can reach: a peer address or a forwarded port of clustermesh-apiserver carries no traffic of pods`,
  };
}

function podsApart({ from, to, targets }: ClusterPair, back: ClusterPair | undefined, own: string): Words {
  const carrier = carrierOf(to);
  const both = back === undefined ? "" : " in either direction";
  return {
    message: `every agent of ${from.name} reaches the nodes of ${to.name} (${namedTargets(targets)}), and none reaches the health endpoints on them, which are reached within ${to.name}: between the nodes of ${from.name}${own} and those of ${to.name}, ${carrier.what} do not pass${both}, so no traffic of pods does`,
    next: carrier.fix(`the nodes of ${from.name}${own} and of ${to.name} (${addressesOf(targets)})`),
  };
}

/** The address by which the control plane is connected, if it is no node's. */
function controlAddress(
  from: ClusterSnapshot,
  to: ClusterSnapshot,
  targets: readonly Target[],
): string | undefined {
  const contact = contacts(from).find((c) => [to.name, nameOf(to)].includes(c.peer) && c.ready === true);
  return contact?.addresses.find((ip) => !targets.some((t) => t.ip === ip));
}
