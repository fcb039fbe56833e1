import { oncePer } from "#harness/lib/once-per.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { type ClusterPair, clusterPairs, pairFindings } from "./cluster-pairs.ts";
import { type Down, downNodes } from "./down-nodes.ts";
import { causeOf } from "./health-causes.ts";
import { type Asked, type Cell, readCells } from "./health-cells.ts";
import { hostShutOffs } from "./host-policies.ts";
import { misaddressedNodes } from "./node-addresses.ts";
import { nameOf } from "./parts.ts";
import { sharedFilter, sharedFinding } from "./shared-filters.ts";

const agentsShown = 3;

/** Clusters that reach no node of another, then nodes that no other node reaches: connections to what runs there fail. */
export function cutOffNodes(mesh: MeshSnapshot): Finding[] {
  return [...pairFindings(judgements(mesh).pairs, "nodes"), ...unreachable(mesh, true)];
}

/** cilium-health results by node: which one is unreachable, and on which layer. */
export function health(mesh: MeshSnapshot): Finding[] {
  return [...pairFindings(judgements(mesh).pairs, "pods"), ...unreachable(mesh, false)];
}

/** What explains that paths fail. */
interface Explanations {
  /** Nodes that a policy of their host firewall shuts off, by their names in Cilium. */
  readonly shutOff: ReadonlyMap<string, string>;
  readonly pairs: readonly ClusterPair[];
  readonly down: ReadonlyMap<string, Down>;
  /** Nodes that are announced by an address that is not theirs: that says it all of what they do not reach, or of who asks. */
  readonly misaddressed: ReadonlySet<string>;
}

function explanations(mesh: MeshSnapshot): Explanations {
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
  const down = downNodes(mesh);
  const misaddressed = new Set(misaddressedNodes(mesh).map((m) => m.node));
  const pairs = clusterPairs(mesh, {
    path: (from, to) => shutOff.has(from) || shutOff.has(to),
    isDown: (node) => down.has(node) || misaddressed.has(node),
  });
  return { shutOff, pairs, down, misaddressed };
}

interface Judgements {
  readonly pairs: readonly ClusterPair[];
  /** Whose reports were read. */
  readonly agents: number;
  readonly judged: readonly Judged[];
  /** Nodes that no other node reaches. */
  readonly cut: ReadonlySet<string>;
}

/** Of a mesh once: two layers ask for it. */
const judgements = oncePer((mesh: MeshSnapshot): Judgements => {
  const all = explanations(mesh);
  const { asked, agents } = readCells(mesh);
  const judged = asked.map((one) => judge(all, one));
  const cut = new Set(judged.filter((one) => isCutOff(mesh, one)).map((one) => one.node));
  return { pairs: all.pairs, agents, judged, cut };
});

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

/** The words for a path that fails because of another finding. */
interface Effect {
  readonly cause: string;
  readonly next: string;
}

/** `elsewhere`: the other finding says it all, and nothing is to be said of this node; undefined if nothing explains it. */
function explanationOf(
  { shutOff, pairs, down, misaddressed }: Explanations,
  cell: Cell,
  { node, unpinged }: { readonly node: string; readonly unpinged: ReadonlySet<string> },
): Effect | "elsewhere" | undefined {
  if (isBetween(pairs, cell, node)) return "elsewhere";
  if (misaddressed.has(node) || misaddressed.has(cell.local)) return "elsewhere";
  const isOwn = cell.local === node;
  const policy = isOwn ? undefined : (shutOff.get(node) ?? shutOff.get(cell.local));
  if (policy !== undefined) return { cause: `an effect of ${policy}`, next: `correct ${policy} first` };
  if (!isOwn && down.has(cell.local)) return "elsewhere";
  const what = down.get(node);
  if (what === "node")
    return { cause: "an effect of the node, which is down", next: `bring node ${node} back first` };
  // The agent answers TCP, and what runs the health endpoint ends with it; the node answers ICMP itself.
  return what === "agent" && !unpinged.has(cell.local)
    ? { cause: "an effect of its agent, which is down", next: `bring the agent of ${node} back first` }
    : undefined;
}

/** A node, and which of its failed paths something else explains. */
interface Judged extends Asked {
  /** Those to report: what nothing explains; if all are effects, all of them. */
  readonly reported: readonly Cell[];
  readonly effect: Effect | undefined;
  /** The asking nodes of which every failed path is explained: they say nothing of this one. */
  readonly explained: ReadonlySet<string>;
}

function judge(all: Explanations, asked: Asked): Judged {
  const unpinged = new Set(asked.cells.filter((c) => c.path === "host ICMP").map((c) => c.local));
  const at = { node: asked.node, unpinged };
  const cells = asked.cells.map((cell) => ({ cell, by: explanationOf(all, cell, at) }));
  const open = cells.filter(({ by }) => by === undefined);
  const unexplained = new Set(open.map(({ cell }) => cell.local));
  const effects = cells.flatMap(({ cell, by }) => (typeof by === "object" ? [{ cell, by }] : []));
  return {
    ...asked,
    reported: (open.length > 0 ? open : effects).map(({ cell }) => cell),
    effect: open.length > 0 ? undefined : effects[0]?.by,
    explained: new Set(cells.map(({ cell }) => cell.local).filter((local) => !unexplained.has(local))),
  };
}

/** ICMP alone may be blocked on purpose, and a node that was removed stays in the reports for a while. */
function isCutOff(mesh: MeshSnapshot, { node, by, reported, effect, explained }: Judged): boolean {
  const others = [...by].filter((local) => local !== node && !explained.has(local));
  const cut = new Set(reported.filter((c) => c.path.endsWith("HTTP")).map((c) => c.local));
  return (
    effect === undefined &&
    others.length > 1 &&
    others.every((local) => cut.has(local)) &&
    isThere(mesh, node)
  );
}

/** Whether the API server of its cluster has a node, by its name in Cilium; unknown counts as yes. */
function isThere(mesh: MeshSnapshot, node: string): boolean {
  const [name = "", own = ""] = node.split("/");
  const cluster = mesh.clusters.find((c) => nameOf(c) === name);
  return cluster?.nodes.ok !== true || cluster.nodes.value.some((n) => n.name === own);
}

function unreachable(mesh: MeshSnapshot, cutOff: boolean): Finding[] {
  const { agents, judged, cut } = judgements(mesh);
  const found = judged
    .filter((one) => cut.has(one.node) === cutOff)
    .map((one) => (cutOff ? one : withoutCutOff(one, cut)))
    .filter((one) => one.reported.length > 0);
  return [...Map.groupBy(found, (one) => sharedFilter(one) ?? one).values()].flatMap((group) => {
    const [first, ...others] = group;
    if (first === undefined) return [];
    return [others.length === 0 ? findingFor(mesh, first, agents) : sharedFinding(mesh, group)];
  });
}

/** What a node that no other reaches does not reach either says nothing of the others. */
function withoutCutOff(one: Judged, cut: ReadonlySet<string>): Judged {
  const isTheirs = ({ local }: Cell): boolean => local !== one.node && cut.has(local);
  const theirs = one.reported.filter(isTheirs).map((c) => c.local);
  return {
    ...one,
    reported: one.reported.filter((cell) => !isTheirs(cell)),
    explained: new Set([...one.explained, ...theirs]),
  };
}

function findingFor(mesh: MeshSnapshot, one: Judged, agents: number): Finding {
  const { node, reported, effect, explained } = one;
  const paths = new Set(reported.map((c) => c.path));
  const from = [...new Set(reported.map((c) => c.from))];
  const of = effect === undefined ? Math.max(agents - explained.size, from.length) : agents;
  const who = from.length < of ? ` (${shortList(from, agentsShown)})` : "";
  const { cause, next } = effect ?? causeOf(mesh, node, reported);
  return {
    layer: "health",
    severity: "broken",
    cluster: clusterOf(node),
    subject: `node ${node}`,
    message: `${from.length} of ${of} agents${who} cannot reach ${node} by ${[...paths].join(", ")}: ${cause}`,
    next,
  };
}
