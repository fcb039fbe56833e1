import { output } from "#harness/platform/command.ts";
import { kindNameOf } from "#harness/state/lab.ts";
import type { ClusterNode, LocalNode } from "../node.ts";

/** A node of a cluster that Meshproof created: it may be paused, stopped and changed. */
export interface KindNode extends LocalNode {
  readonly kind: "kind";
}

/** A node by its name, which is also its container's. `KindCluster.node` and the fault journal have only the name. */
export const kindNode = (name: string): KindNode => ({ kind: "kind", name, container: name });

/** The nodes of a cluster as Docker lists them, running or not. */
export async function kindNodes(lab: string, cluster: string): Promise<(ClusterNode & KindNode)[]> {
  const reported = await output("docker", [
    "ps",
    "-a",
    "--filter",
    `label=io.x-k8s.kind.cluster=${kindNameOf(lab, cluster)}`,
    "--format",
    '{{.Names}}\t{{.Label "io.x-k8s.kind.role"}}\t{{.State}}',
  ]);
  const nodes: (ClusterNode & KindNode)[] = [];
  for (const line of reported.split("\n").filter((l) => l !== "")) {
    const [name = line, role, state] = line.split("\t");
    // A node is on one network, that of its cluster.
    const address = await output("docker", [
      "inspect",
      "--format",
      "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
      name,
    ]).catch(() => "");
    nodes.push({
      ...kindNode(name),
      role: role === "control-plane" ? "control-plane" : "worker",
      address: address.trim(),
      running: state === "running",
      state: state ?? "unknown",
    });
  }
  return nodes.sort((a, b) => (a.name < b.name ? -1 : 1));
}
