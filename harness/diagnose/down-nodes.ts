import { oncePer } from "#harness/lib/once-per.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { partOf } from "./control-plane.ts";
import { awaitsNetwork } from "./node-repairs.ts";
import { ciliumNamespace, known, nameOf } from "./parts.ts";

/** What is down of a node: the machine with all that runs there, or its agent alone. */
export type Down = "node" | "agent";

/** Nodes of which other layers say that they, or their agents, are down, by their names in Cilium. Of a mesh once. */
export const downNodes = oncePer(
  (mesh: MeshSnapshot): ReadonlyMap<string, Down> =>
    new Map(
      mesh.clusters.flatMap((cluster) => {
        const named = (what: Down) => (node: string) => [`${nameOf(cluster)}/${node}`, what] as const;
        // A machine that is down has its agent down too.
        return [...agentsDown(cluster).map(named("agent")), ...machinesDown(cluster).map(named("node"))];
      }),
    ),
);

const machinesDown = ({ containers, nodes }: ClusterSnapshot): string[] => [
  ...known(containers)
    .filter((c) => c.state !== "running")
    .map((c) => c.name),
  ...known(nodes)
    .filter((n) => !n.ready && !awaitsNetwork(n))
    .map((n) => n.name),
];

function agentsDown(cluster: ClusterSnapshot): string[] {
  const own = ciliumNamespace(cluster);
  const isAgent = (word: string): boolean => /(?:^|\/)cilium-agent$/.test(word);
  return [
    ...known(cluster.pods)
      .filter((p) => partOf(p.name) === "cilium" && p.namespace === own && !p.ending)
      .filter((p) => p.containers.some((c) => c.name === "cilium-agent" && !c.ready))
      .map((p) => p.node),
    ...cluster.agents.filter((a) => !a.remotes.ok && a.remotes.absent !== true).map((a) => a.node),
    ...cluster.nodeStates
      .filter(({ stopped }) => stopped.some((line) => isAgent(line.split(" ")[0] ?? "")))
      .map((n) => n.node),
  ];
}
