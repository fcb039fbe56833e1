import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { HealthPath } from "#harness/model/snapshot.ts";
import { healthReportOf } from "./health-settings.ts";

type Path = "host ICMP" | "host HTTP" | "endpoint ICMP" | "endpoint HTTP";

/** A path that failed. */
export interface Cell {
  readonly path: Path;
  /** The asking agent by its snapshot: `east/node-1`. */
  readonly from: string;
  /** The name of the asking node in Cilium. */
  readonly local: string;
  /** The address of the node, or of the health endpoint on it. */
  readonly ip: string;
  /** What the agent says of it. */
  readonly status: string;
  /** Whether TCP to the same address says something too. */
  readonly isTcpJudged: boolean;
}

/** A node that agents ask for. */
export interface Asked {
  /** Its name in Cilium. */
  readonly node: string;
  readonly cells: readonly Cell[];
  /** All nodes whose agents ask for it, by their names in Cilium; its own among them. */
  readonly by: ReadonlySet<string>;
}

/** Nodes with failed paths, those with the most first, and the number of agents whose reports were read. */
export function readCells(mesh: MeshSnapshot): { readonly asked: readonly Asked[]; readonly agents: number } {
  const asked = new Map<string, { readonly cells: Cell[]; readonly by: Set<string> }>();
  let agents = 0;
  for (const cluster of mesh.clusters) {
    for (const agent of cluster.agents) {
      const report = healthReportOf(mesh, agent);
      if (report === undefined) continue;
      agents += 1;
      const { local, nodes } = report;
      for (const { name, host, endpoint } of nodes) {
        const one = asked.get(name) ?? { cells: [], by: new Set() };
        asked.set(name, one);
        one.by.add(local);
        const paths: readonly (readonly [Path, HealthPath | undefined, typeof host | undefined])[] = [
          ["host ICMP", host.icmp, host],
          ["host HTTP", host.http, host],
          ["endpoint ICMP", endpoint?.icmp, endpoint],
          ["endpoint HTTP", endpoint?.http, endpoint],
        ];
        for (const [path, seen, at] of paths)
          if (seen !== undefined && seen.status !== "")
            one.cells.push({
              ...{ path, from: `${cluster.name}/${agent.node}`, local, ip: at?.ip ?? "" },
              ...{ status: seen.status, isTcpJudged: at?.http !== undefined },
            });
      }
    }
  }
  const failing = [...asked].map(([node, one]) => ({ node, ...one })).filter((one) => one.cells.length > 0);
  return { asked: failing.sort((a, b) => b.cells.length - a.cells.length), agents };
}
