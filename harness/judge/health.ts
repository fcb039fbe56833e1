import type { HealthCell } from "#harness/model/health-cell.ts";
import type { HealthPath, HealthReport } from "#harness/model/snapshot.ts";
import { failedBecause, type Verdict } from "#harness/model/verdict.ts";

export const healthPaths = ["host ICMP", "host HTTP", "endpoint ICMP", "endpoint HTTP"] as const;

/**
 * Every agent's report against every node. A path probed before `askedAtMs` (Unix) is `stale`. A missing node or path
 * is `unknown`, never left out.
 */
export function healthCells(
  reports: readonly HealthReport[],
  nodes: readonly string[],
  requestedAtMs: number,
): HealthCell[] {
  const cells: HealthCell[] = [];
  for (const report of reports) {
    for (const to of nodes) {
      const entry = report.nodes.find((n) => n.name === to);
      const paths: Record<(typeof healthPaths)[number], HealthPath | undefined> = {
        "host ICMP": entry?.host.icmp,
        "host HTTP": entry?.host.http,
        "endpoint ICMP": entry?.endpoint?.icmp,
        "endpoint HTTP": entry?.endpoint?.http,
      };
      for (const name of healthPaths) {
        cells.push({
          from: report.local,
          to,
          path: name,
          ...judgePath(entry === undefined, paths[name], requestedAtMs),
        });
      }
    }
  }
  return cells;
}

function judgePath(
  noEntry: boolean,
  path: HealthPath | undefined,
  requestedAtMs: number,
): Pick<HealthCell, "state" | "detail" | "latencyMs"> {
  if (noEntry) return { state: "unknown", detail: "the node is not in the matrix", latencyMs: null };
  if (path === undefined)
    return { state: "unknown", detail: "this path is not in the matrix", latencyMs: null };
  const probedMs = Date.parse(path.lastProbed);
  if (path.status !== "") return { state: "failed", detail: path.status, latencyMs: null };
  if (Number.isNaN(probedMs) || path.latencyNs === 0)
    return { state: "unknown", detail: "never probed", latencyMs: null };
  const latencyMs = path.latencyNs / 1e6;
  // `lastProbed` has whole seconds.
  if (probedMs < Math.floor(requestedAtMs / 1000) * 1000)
    return { state: "stale", detail: `last probed ${path.lastProbed}, before it was requested`, latencyMs };
  return { state: "ok", detail: "", latencyMs };
}

export function judgeHealth(cells: readonly HealthCell[], agents: readonly string[]): Verdict {
  const reasons: string[] = [];
  if (agents.length === 0) reasons.push("no agent was queried");
  for (const agent of agents)
    if (!cells.some((c) => c.from === agent)) reasons.push(`${agent} gave no health report`);
  for (const c of cells)
    if (c.state !== "ok")
      reasons.push(`${c.from} -> ${c.to}: ${c.path} ${c.state}${c.detail === "" ? "" : `: ${c.detail}`}`);
  return failedBecause(reasons);
}
