import { pauseNode, stopNode } from "#harness/cluster/node-control.ts";
import type { Fault } from "./fault.ts";
import { victimNode } from "./victim.ts";

export const nodeFaults: readonly Fault[] = [
  {
    name: "node-paused",
    group: "nodes",
    wide: true,
    does: "freezes the second cluster's worker (docker pause)",
    async inject(harm) {
      const cluster = harm.mesh.clusters[1]!.name;
      const { name: node } = await victimNode(harm, 1);
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
      const { name: node } = await victimNode(harm, 0);
      await harm.will({ do: "await-mesh" }, { do: "await-nodes", cluster }, { do: "start", node });
      await stopNode(node, harm.signal);
      return { subject: `node ${node}`, names: [node] };
    },
  },
];
