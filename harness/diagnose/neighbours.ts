import type { Finding } from "#harness/model/finding.ts";
import type { AgentState, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { findingOf } from "./catalogue/index.ts";
import { healthReportOf } from "./health-settings.ts";
import { known } from "./parts.ts";
import { onNode } from "./repairs.ts";

/** Whether an agent reports that it does not reach an address; unknown counts as yes. */
function fails(mesh: MeshSnapshot, agent: AgentState | undefined, ip: string): boolean {
  const report = agent === undefined ? undefined : healthReportOf(mesh, agent);
  const seen = report?.nodes.find((n) => n.host.ip === ip);
  return (
    seen === undefined || [seen.host.http, seen.host.icmp].some((p) => p !== undefined && p.status !== "")
  );
}

/**
 * A permanent entry for another node whose link-layer address is not that node's: what is sent there arrives nowhere.
 * Sources: cilium/cilium#14962, #14322.
 */
export function neighbours(mesh: MeshSnapshot): Finding[] {
  const own = new Map<string, { readonly mac: string; readonly node: string }[]>();
  for (const { node, neighbours: read } of mesh.clusters.flatMap((c) => c.nodeStates))
    if (read?.ok === true)
      for (const { ip, mac } of read.value.own) own.set(ip, [...(own.get(ip) ?? []), { mac, node }]);
  const addresses = new Set(mesh.clusters.flatMap((c) => known(c.nodes).map((n) => n.address)));
  return mesh.clusters.flatMap((cluster) => {
    const agentOn = new Map(cluster.agents.map((a) => [a.node, a]));
    return cluster.nodeStates.flatMap(({ node, neighbours: read }) =>
      (read?.ok === true ? read.value.permanent : []).flatMap(({ ip, mac, device }) => {
        // An address of several nodes, as of a network that is the same everywhere, says nothing.
        const [owner, ...others] = own.get(ip) ?? [];
        if (owner === undefined || others.length > 0 || owner.node === node || owner.mac === mac) return [];
        // Only by the address that Cilium uses is it the same network.
        if (!addresses.has(ip)) return [];
        return [
          findingOf("neighbour-wrong", {
            // A gateway may answer for others on purpose.
            severity: fails(mesh, agentOn.get(node), ip) ? "broken" : "suspect",
            cluster: cluster.name,
            subject: `node ${node}`,
            message: `node ${node} of ${cluster.name} has a permanent neighbour entry for node ${owner.node} (${ip}) with the link-layer address ${mac}, which is ${owner.mac}: nothing that ${node} sends to ${owner.node} arrives`,
            next: `${onNode(cluster, node, ["ip", "neigh", "del", ip, "dev", device])}; then find what set it: Cilium's own entries are not permanent`,
          }),
        ];
      }),
    );
  });
}
