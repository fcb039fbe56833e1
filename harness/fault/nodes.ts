import { pauseNode, stopNode } from "#harness/cluster/node-control.ts";
import type { Fault, Harm } from "./fault.ts";

async function workerOf(harm: Harm, index: number): Promise<string> {
  const nodes = await harm.mesh.clusters[index]!.nodes();
  return (nodes.findLast((n) => n.role === "worker") ?? nodes[0]!).name;
}

export const nodeFaults: readonly Fault[] = [
  {
    name: "node-paused",
    group: "nodes",
    wide: true,
    does: "freezes the second cluster's worker (docker pause)",
    async inject(harm) {
      const cluster = harm.mesh.clusters[1]!.name;
      const node = await workerOf(harm, 1);
      await harm.will({ do: "await-mesh" }, { do: "await-nodes", cluster }, { do: "unpause", node });
      await pauseNode(node, harm.signal);
      return { subject: `node ${node}`, names: [node] };
    },
  },
  {
    name: "node-stopped",
    group: "nodes",
    wide: true,
    does: "stops the first cluster's worker and starts it again when healing (docker stop)",
    async inject(harm) {
      const cluster = harm.mesh.clusters[0]!.name;
      const node = await workerOf(harm, 0);
      await harm.will({ do: "await-mesh" }, { do: "await-nodes", cluster }, { do: "start", node });
      await stopNode(node, harm.signal);
      return { subject: `node ${node}`, names: [node] };
    },
  },
];
