import type { KindNode } from "#harness/cluster/kind/kind-node.ts";
import { pauseNode, stopNode } from "#harness/cluster/kind/node-control.ts";
import type { Fault } from "../fault.ts";
import { clusterAt, victimNode } from "./victim.ts";

interface MachineFault {
  readonly name: string;
  /** Index of the target cluster. */
  readonly index: number;
  readonly does: string;
  readonly disturb: (node: KindNode, signal: AbortSignal) => Promise<void>;
  readonly undo: "unpause" | "start";
}

/** Freezes or stops a worker, which is a container of the host. */
function onMachine({ name, index, does, disturb, undo }: MachineFault): Fault {
  return {
    name,
    group: "nodes",
    wide: true,
    does,
    async inject(ctx) {
      const cluster = clusterAt(ctx, index).name;
      const victim = await victimNode(ctx, index);
      const node = victim.name;
      await ctx.recordUndo({ do: "await-mesh" }, { do: "await-nodes", cluster }, { do: undo, node });
      await disturb(victim, ctx.signal);
      return { subject: `node ${node}`, names: [node] };
    },
  };
}

export const nodeFaults: readonly Fault[] = [
  onMachine({
    name: "node-paused",
    index: 1,
    does: "freezes the second cluster's worker (docker pause)",
    disturb: pauseNode,
    undo: "unpause",
  }),
  onMachine({
    name: "node-stopped",
    index: 0,
    does: "stops the first cluster's worker; healing starts it again (docker stop)",
    disturb: stopNode,
    undo: "start",
  }),
];
