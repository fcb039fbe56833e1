import { before } from "#harness/lib/names.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { known, unseenPeers } from "./parts.ts";

/** Every agent lists every node of every cluster, as `cluster/node`, and no others (seeds 002 and 003). */
export function nodeList(mesh: MeshSnapshot): Finding[] {
  const real = new Set(mesh.clusters.flatMap((c) => known(c.ciliumNodes).map((n) => `${c.name}/${n.name}`)));
  if (mesh.clusters.some((c) => !c.ciliumNodes.ok)) return [];
  return mesh.clusters.flatMap((cluster) => {
    const unseen = unseenPeers(mesh, cluster);
    return cluster.agents.flatMap((agent): Finding[] => {
      if (!agent.nodeList.ok) return [];
      const listed = new Set(agent.nodeList.value.map((n) => n.name));
      const missing = [...real].filter((n) => !listed.has(n));
      const ghosts = [...listed].filter((n) => !real.has(n) && !unseen.has(before(n, "/")));
      const reported = [
        ...(missing.length > 0 ? [`does not list ${missing.join(", ")}`] : []),
        ...(ghosts.length > 0 ? [`lists ${ghosts.join(", ")}, which no cluster has`] : []),
      ];
      if (reported.length === 0) return [];
      return [
        {
          layer: "node list",
          severity: "broken",
          cluster: cluster.name,
          subject: `agent ${cluster.name}/${agent.node}`,
          message: `agent ${cluster.name}/${agent.node} ${reported.join(" and ")}`,
          next: `compare \`cilium-dbg node list\` in the agent of ${agent.node} with \`kubectl get ciliumnodes\` of each cluster`,
        },
      ];
    });
  });
}
