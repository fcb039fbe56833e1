import type { KindNode } from "#harness/cluster/kind/kind-node.ts";
import { pauseNode, stopNode } from "#harness/cluster/kind/node-control.ts";
import type { Fault } from "../fault.ts";
import { victimNode } from "./victim.ts";

/** A worker's whole machine, as a container of the host. */
function onMachine(
  name: string,
  index: number,
  does: string,
  strike: (node: KindNode, signal: AbortSignal) => Promise<void>,
  undo: "unpause" | "start",
): Fault {
  return {
    name,
    group: "nodes",
    wide: true,
    does,
    async inject(harm) {
      const cluster = harm.mesh.clusters[index]!.name;
      const victim = await victimNode(harm, index);
      const node = victim.name;
      await harm.will({ do: "await-mesh" }, { do: "await-nodes", cluster }, { do: undo, node });
      await strike(victim, harm.signal);
      return { subject: `node ${node}`, names: [node] };
    },
  };
}

export const nodeFaults: readonly Fault[] = [
  onMachine("node-paused", 1, "freezes the second cluster's worker (docker pause)", pauseNode, "unpause"),
  onMachine(
    "node-stopped",
    0,
    "stops the first cluster's worker and starts it again when healing (docker stop)",
    stopNode,
    "start",
  ),
];
