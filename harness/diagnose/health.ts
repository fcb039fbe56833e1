import { oncePer } from "#harness/lib/once-per.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { HealthPath } from "#harness/model/snapshot.ts";
import { tunnelPort } from "#harness/semantics/mesh-settings.ts";
import { type ClusterPair, clusterPairs, pairFindings } from "./cluster-pairs.ts";
import { hostShutOffs } from "./host-policies.ts";
import { nameOf, tunnelPortOf } from "./parts.ts";

type Path = "host ICMP" | "host HTTP" | "endpoint ICMP" | "endpoint HTTP";

/** What carries packets to the pods of a node. */
function carrierOf(mesh: MeshSnapshot, node: string): { readonly what: string; readonly check: string } {
  const cluster = mesh.clusters.find((c) => nameOf(c) === node.split("/")[0]);
  const port = cluster === undefined ? tunnelPort({ name: node, settings: {} }) : tunnelPortOf(cluster);
  return port === undefined
    ? { what: "the route to its pods", check: `the routes to the pod CIDR of ${node}` }
    : { what: `the tunnel (UDP ${port}) to it`, check: `UDP ${port} to and from ${node}` };
}

/** Whether the API server of its cluster has a node, by its name in Cilium; unknown counts as yes. */
function isThere(mesh: MeshSnapshot, node: string): boolean {
  const [name = "", own = ""] = node.split("/");
  const cluster = mesh.clusters.find((c) => nameOf(c) === name);
  return cluster?.nodes.ok !== true || cluster.nodes.value.some((n) => n.name === own);
}

/** Clusters that reach no node of another, then nodes that no other node reaches: connections to what runs there fail. */
export function cutOffNodes(mesh: MeshSnapshot): Finding[] {
  const explained = explanations(mesh);
  return [...pairFindings(explained.pairs, "nodes"), ...unreachable(mesh, explained, true)];
}

/** cilium-health results by node: which one is unreachable, and on which layer. */
export function health(mesh: MeshSnapshot): Finding[] {
  const explained = explanations(mesh);
  return [...pairFindings(explained.pairs, "pods"), ...unreachable(mesh, explained, false)];
}

/** What explains that a path fails. */
interface Explanations {
  /** Nodes that a policy of their host firewall shuts off, by their names in Cilium. */
  readonly shutOff: ReadonlyMap<string, string>;
  readonly pairs: readonly ClusterPair[];
}

/** Of a mesh once: two layers ask for it. */
const explanations = oncePer((mesh: MeshSnapshot): Explanations => {
  const shutOff: ReadonlyMap<string, string> = new Map(
    hostShutOffs(mesh).flatMap(({ cluster, nodes, policies }) =>
      nodes.map(
        (node) =>
          [
            `${nameOf(cluster)}/${node}`,
            `${policies.map((p) => `${p.kind} ${p.name}`).join(" and ")} of ${cluster.name}`,
          ] as const,
      ),
    ),
  );
  const isShutOff = (from: string, to: string): boolean => shutOff.has(from) || shutOff.has(to);
  return { shutOff, pairs: clusterPairs(mesh, isShutOff) };
});

interface Cell {
  readonly path: Path;
  readonly from: string;
  /** The name of the asking node in Cilium. */
  readonly local: string;
}

/** The failed paths to each node, and how many other nodes asked for it. */
function readCells(mesh: MeshSnapshot): {
  readonly failing: ReadonlyMap<string, readonly Cell[]>;
  readonly asked: ReadonlyMap<string, number>;
  readonly agents: number;
} {
  const failing = new Map<string, Cell[]>();
  const asked = new Map<string, number>();
  let agents = 0;
  for (const cluster of mesh.clusters) {
    for (const agent of cluster.agents) {
      if (!agent.health.ok) continue;
      agents += 1;
      const { local, nodes } = agent.health.value;
      for (const node of nodes) {
        if (node.name !== local) asked.set(node.name, (asked.get(node.name) ?? 0) + 1);
        const paths: readonly (readonly [Path, HealthPath | undefined])[] = [
          ["host ICMP", node.host.icmp],
          ["host HTTP", node.host.http],
          ["endpoint ICMP", node.endpoint?.icmp],
          ["endpoint HTTP", node.endpoint?.http],
        ];
        const cells = paths
          .filter(([, seen]) => seen !== undefined && seen.status !== "")
          .map(([path]) => ({ path, from: `${cluster.name}/${agent.node}`, local }));
        if (cells.length > 0) failing.set(node.name, [...(failing.get(node.name) ?? []), ...cells]);
      }
    }
  }
  return { failing, asked, agents };
}

const clusterOf = (node: string): string => node.split("/")[0] ?? "";

/** Whether two clusters between which nothing passes are the cause: an answer from a pod must pass too. */
const isBetween = (pairs: readonly ClusterPair[], { local, path }: Cell, node: string): boolean =>
  pairs.some(({ from, to }) => {
    const [asking, asked] = [clusterOf(local), clusterOf(node)];
    return (
      (nameOf(from) === asking && nameOf(to) === asked) ||
      (path.startsWith("endpoint") && nameOf(from) === asked && nameOf(to) === asking)
    );
  });

function unreachable(mesh: MeshSnapshot, { shutOff, pairs }: Explanations, cutOff: boolean): Finding[] {
  const found: Finding[] = [];
  const { failing, asked, agents } = readCells(mesh);
  for (const [node, all] of [...failing].sort((a, b) => b[1].length - a[1].length)) {
    const here = all.filter((cell) => !isBetween(pairs, cell, node));
    const policyOf = ({ local }: Cell): string | undefined =>
      local === node ? undefined : (shutOff.get(node) ?? shutOff.get(local));
    const unexplained = here.filter((cell) => policyOf(cell) === undefined);
    const policy = unexplained.length === 0 ? here.map(policyOf)[0] : undefined;
    const cells = policy === undefined ? unexplained : here;
    if (cells.length === 0) continue;
    const others = asked.get(node) ?? 0;
    // ICMP alone may be blocked on purpose, and a node that was removed stays in the reports for a while.
    const cut = cells.filter((c) => c.path.endsWith("HTTP") && c.from !== node).map((c) => c.from);
    const isCutOff =
      policy === undefined && others > 1 && new Set(cut).size === others && isThere(mesh, node);
    if (isCutOff !== cutOff) continue;
    const paths = new Set(cells.map((c) => c.path));
    const { cause, next } =
      policy === undefined
        ? causeOf(mesh, node, paths)
        : {
            cause: `an effect of ${policy}`,
            next: `correct ${policy} first`,
          };
    found.push({
      layer: "health",
      severity: "broken",
      cluster: clusterOf(node),
      subject: `node ${node}`,
      message: `${new Set(cells.map((c) => c.from)).size} of ${agents} agents cannot reach ${node} by ${[...paths].join(", ")}: ${cause}`,
      next,
    });
  }
  return found;
}

function causeOf(
  mesh: MeshSnapshot,
  node: string,
  paths: ReadonlySet<Path>,
): { readonly cause: string; readonly next: string } {
  const hostOnly = !paths.has("endpoint ICMP") && !paths.has("endpoint HTTP");
  const tunnelOnly = !paths.has("host ICMP") && !paths.has("host HTTP");
  const carrier = carrierOf(mesh, node);
  const cause = tunnelOnly
    ? `the node answers, its health endpoint does not: ${carrier.what} is broken`
    : hostOnly && paths.size === 1
      ? `only ${[...paths][0]} fails: ${paths.has("host HTTP") ? "TCP 4240 is blocked" : "ICMP is blocked"}`
      : "no path to it works: the node, or the network to it, is down";
  return {
    cause,
    next: `check ${tunnelOnly ? carrier.check : `ICMP and TCP 4240 to ${node}`}: the rules of \`iptables-save\` and of \`nft list ruleset\` on that node, and the network between the nodes`,
  };
}
