import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, Part } from "#harness/model/mesh-snapshot.ts";
import { unseenPeers } from "./parts.ts";

/** Data that could not be read: what the other layers could not judge is not reported as healthy. */
export function unread(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) => {
    const found = partsOf(cluster).flatMap(([what, part]) =>
      part.ok || part.absent === true
        ? []
        : [
            say(
              cluster.name,
              `${what} of ${cluster.name}`,
              `${what} of ${cluster.name} could not be read: ${part.why}`,
            ),
          ],
    );
    for (const peer of unseenPeers(mesh, cluster))
      found.push(
        say(
          cluster.name,
          `cluster ${peer}`,
          `${peer} is a peer of ${cluster.name}, and its data was not supplied: its side is not judged`,
          `supply its sysdump too`,
        ),
      );
    if (cluster.agents.length > 0) return found;
    return [
      ...found,
      say(cluster.name, `agents of ${cluster.name}`, `no agent of ${cluster.name} could be read`),
    ];
  });
}

const say = (
  cluster: string,
  subject: string,
  message: string,
  next = "run diagnose again; unread data is not judged",
): Finding => ({
  layer: "evidence",
  severity: "unread",
  cluster,
  subject,
  message,
  next,
});

function partsOf(cluster: ClusterSnapshot): (readonly [string, Part<unknown>])[] {
  const { config, containers, nodes, ciliumNodes, pods, workloads, services, endpoints } = cluster;
  const { ciliumEndpoints, policies, peers, kvstoreMesh, kvstoreMeshTrouble } = cluster;
  return [
    ...Object.entries({ config, containers, nodes, ciliumNodes, pods, workloads, services, endpoints }),
    ...Object.entries({ ciliumEndpoints, policies, peers, kvstoreMesh, kvstoreMeshTrouble }),
    ...cluster.agents.flatMap(({ node, ...parts }) =>
      Object.entries(parts).map(([name, part]) => [`${name}, agent on ${node},`, part] as const),
    ),
    ...cluster.nodeStates.map((n) => [`firewall of node ${n.node}`, n.rules] as const),
  ];
}
