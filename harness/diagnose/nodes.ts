import { shellQuote } from "#harness/lib/shell-quote.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { known } from "./parts.ts";

/** Machines first: a node that is frozen, stopped or not ready explains everything above it. */
export function nodes(mesh: MeshSnapshot): Finding[] {
  const found: Finding[] = [];
  for (const cluster of mesh.clusters) {
    const say = (subject: string, message: string, next: string): void =>
      void found.push({ layer: "nodes", severity: "broken", cluster: cluster.name, subject, message, next });
    const down = new Set<string>();
    for (const { name, state } of known(cluster.containers)) {
      if (state === "running") continue;
      down.add(name);
      say(
        `node ${name}`,
        `the container of node ${name} is ${state}`,
        shellQuote(["docker", state === "paused" ? "unpause" : "start", name]),
      );
    }
    if (!cluster.nodes.ok && cluster.nodes.absent !== true)
      say(
        `API server of ${cluster.name}`,
        `the API server of ${cluster.name} does not answer: ${cluster.nodes.why}`,
        "look at the control plane node first",
      );
    for (const node of known(cluster.nodes))
      if (!node.ready && !down.has(node.name))
        say(
          `node ${node.name}`,
          `node ${node.name} is not Ready`,
          shellQuote(["kubectl", "describe", `node/${node.name}`]),
        );
  }
  return found;
}
