import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { HealthPath } from "#harness/model/snapshot.ts";
import { tunnelPort } from "#harness/semantics/mesh-settings.ts";
import { nameOf } from "./parts.ts";

type Path = "host ICMP" | "host HTTP" | "endpoint ICMP" | "endpoint HTTP";

/** What carries packets to the pods of a node. */
function carrierOf(mesh: MeshSnapshot, node: string): { readonly what: string; readonly check: string } {
  const cluster = mesh.clusters.find((c) => nameOf(c) === node.split("/")[0]);
  const settings = cluster?.config.ok === true ? cluster.config.value : {};
  const version = cluster?.ciliumVersion?.ok === true ? cluster.ciliumVersion.value : undefined;
  const port = tunnelPort({ name: node, settings, version });
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

/** Nodes that no other node reaches, of two at least: connections to what runs there fail because of it. */
export const cutOffNodes = (mesh: MeshSnapshot): Finding[] => unreachable(mesh, true);

/** cilium-health results by node: which one is unreachable, and on which layer. */
export const health = (mesh: MeshSnapshot): Finding[] => unreachable(mesh, false);

function unreachable(mesh: MeshSnapshot, cutOff: boolean): Finding[] {
  const failing = new Map<string, { readonly path: Path; readonly from: string }[]>();
  let agents = 0;
  const asked = new Map<string, number>();
  for (const cluster of mesh.clusters) {
    for (const agent of cluster.agents) {
      if (!agent.health.ok) continue;
      agents += 1;
      for (const node of agent.health.value.nodes) {
        if (node.name !== agent.health.value.local) asked.set(node.name, (asked.get(node.name) ?? 0) + 1);
        const paths: readonly (readonly [Path, HealthPath | undefined])[] = [
          ["host ICMP", node.host.icmp],
          ["host HTTP", node.host.http],
          ["endpoint ICMP", node.endpoint?.icmp],
          ["endpoint HTTP", node.endpoint?.http],
        ];
        for (const [path, seen] of paths)
          if (seen !== undefined && seen.status !== "")
            failing.set(node.name, [
              ...(failing.get(node.name) ?? []),
              { path, from: `${cluster.name}/${agent.node}` },
            ]);
      }
    }
  }
  const found: Finding[] = [];
  for (const [node, cells] of [...failing].sort((a, b) => b[1].length - a[1].length)) {
    const paths = new Set(cells.map((c) => c.path));
    const froms = new Set(cells.map((c) => c.from));
    const others = asked.get(node) ?? 0;
    // ICMP alone may be blocked on purpose, and a node that was removed stays in the reports for a while.
    const cut = cells.filter((c) => c.path.endsWith("HTTP") && c.from !== node).map((c) => c.from);
    const isCutOff = others > 1 && new Set(cut).size === others && isThere(mesh, node);
    if (isCutOff !== cutOff) continue;
    const hostOnly = !paths.has("endpoint ICMP") && !paths.has("endpoint HTTP");
    const tunnelOnly = !paths.has("host ICMP") && !paths.has("host HTTP");
    const carrier = carrierOf(mesh, node);
    const cause = tunnelOnly
      ? `the node answers, its health endpoint does not: ${carrier.what} is broken`
      : hostOnly && paths.size === 1
        ? `only ${[...paths][0]} fails: ${paths.has("host HTTP") ? "TCP 4240 is blocked" : "ICMP is blocked"}`
        : "no path to it works: the node, or the network to it, is down";
    found.push({
      layer: "health",
      severity: "broken",
      cluster: node.split("/")[0] ?? "",
      subject: `node ${node}`,
      message: `${froms.size} of ${agents} agents cannot reach ${node} by ${[...paths].join(", ")}: ${cause}`,
      next: `check ${tunnelOnly ? carrier.check : `ICMP and TCP 4240 to ${node}`}: the rules of \`iptables-save\` and of \`nft list ruleset\` on that node, and the network between the nodes`,
    });
  }
  return found;
}
