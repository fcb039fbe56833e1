import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { isFiltered, sharedCauseOf } from "./health-causes.ts";
import type { Cell } from "./health-cells.ts";
import { nameOf } from "./parts.ts";

/** A node, and the failed paths to it that nothing else explains. */
interface Unreached {
  readonly node: string;
  readonly reported: readonly Cell[];
  readonly effect: object | undefined;
}

const nodesShown = 6;

const clusterOf = (node: string): string => node.split("/")[0] ?? "";

/**
 * What nodes have in common whose port something filters: the paths, and the clusters at both ends, whichever asks.
 * Undefined for a node with another cause.
 */
export function sharedFilter({ node, reported, effect }: Unreached): string | undefined {
  if (effect !== undefined || !isFiltered(reported)) return undefined;
  const clusters = new Set([node, ...reported.map((c) => c.local)].map(clusterOf));
  const paths = new Set(reported.map((c) => c.path));
  return JSON.stringify([[...clusters].toSorted(), [...paths].toSorted()]);
}

/** One finding for several nodes of one `sharedFilter`. */
export function sharedFinding(mesh: MeshSnapshot, all: readonly Unreached[]): Finding {
  const nodes = all.map((one) => one.node);
  const paths = [...new Set(all.flatMap((one) => one.reported.map((c) => c.path)))].join(", ");
  const pairs = all.flatMap(({ node, reported }) => reported.map((cell) => ({ node, cell })));
  const ways = Map.groupBy(pairs, ({ node, cell }) =>
    JSON.stringify([clusterOf(cell.local), clusterOf(node)]),
  );
  const said = [...ways.values()].map((way) => {
    const asking = clusterOf(way[0]?.cell.local ?? "");
    const asked = [...new Set(way.map((w) => w.node))];
    const from = new Set(way.map((w) => w.cell.from));
    return `${from.size} of ${agentsOf(mesh, asking)} agents of ${asking} cannot reach ${shortList(asked, nodesShown)}`;
  });
  const { cause, next } = sharedCauseOf(
    mesh,
    all.map(({ node, reported }) => ({ node, cells: reported })),
  );
  return {
    layer: "health",
    severity: "broken",
    cluster: clusterOf(nodes[0] ?? ""),
    subject: `nodes ${shortList(nodes, nodesShown)}`,
    message: `${said.join(", and ")} by ${paths}: ${cause}`,
    next,
  };
}

/** Those of a cluster whose reports were read. */
const agentsOf = (mesh: MeshSnapshot, cluster: string): number =>
  mesh.clusters.filter((c) => nameOf(c) === cluster).flatMap((c) => c.agents.filter((a) => a.health.ok))
    .length;
