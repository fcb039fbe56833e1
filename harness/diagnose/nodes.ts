import { shellQuote } from "#harness/lib/shell-quote.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, NodeState } from "#harness/model/mesh-snapshot.ts";
import { findingOf } from "./catalogue/index.ts";
import { awaitsNetwork, named, notReady, notReadyRepair, pressuresOf, relief } from "./node-repairs.ts";
import { ciliumNamespace, known } from "./parts.ts";
import { restartAgent } from "./repairs.ts";
import { isCiliums } from "./uncreated-pods.ts";

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
    for (const node of known(cluster.nodes)) {
      if (down.has(node.name)) continue;
      if (node.ready) found.push(...pressures(cluster, node));
      else if (!awaitsNetwork(node)) say(`node ${node.name}`, notReady(node), notReadyRepair(cluster, node));
    }
  }
  return found;
}

/** A node under pressure evicts pods and admits none: broken, where a workload of Cilium is not complete. */
function pressures(cluster: ClusterSnapshot, node: NodeState): Finding[] {
  const own = ciliumNamespace(cluster);
  const isIncomplete = known(cluster.workloads).some(
    (w) => w.namespace === own && isCiliums(w) && w.ready < w.desired,
  );
  return pressuresOf(node).map((condition) =>
    findingOf("node-pressure", {
      severity: isIncomplete ? "broken" : "suspect",
      cluster: cluster.name,
      subject: `node ${node.name}`,
      message: `node ${node.name} of ${cluster.name} has ${named(condition)}: ${condition.type === "NetworkUnavailable" ? "no pod is scheduled to it" : "kubelet evicts pods from it and admits none"}`,
      next: relief(cluster, condition),
    }),
  );
}

/** Nodes that only lack the network that their agents set up: after the agents, which may say why. */
export function nodesWithoutNetwork(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) =>
    known(cluster.nodes)
      .filter((node) => !node.ready && awaitsNetwork(node))
      .map((node) =>
        findingOf("node-down", {
          cluster: cluster.name,
          subject: `node ${node.name}`,
          message: `${notReady(node)}: its agent has not set up its network`,
          next: `correct what keeps its agent from starting; if it runs, it writes the configuration of the network when it starts anew: ${restartAgent(cluster, node.name)}`,
        }),
      ),
  );
}
