import { hostLinkOf, setLinkMtu } from "#harness/cluster/kind/node-link.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { Fault } from "../fault.ts";
import { victimNode } from "./victim.ts";

/** Less than a full segment in a tunnel, and more than anything that a small request needs. */
const narrowMtu = 1300;

/** A part of the network between the nodes that drops what is too long and reports nothing. */
export const linkMtuLowered: Fault = {
  name: "link-mtu-lowered",
  liveOnly: "only the host's end of a link, and larger packets, show it",
  group: "network",
  wide: true,
  does: "lowers the MTU of the host's end of the second cluster's worker to 1300: longer frames towards it are lost without an error",
  async inject(ctx) {
    const node = await victimNode(ctx, 1);
    const link = await hostLinkOf(node, ctx.signal);
    if (link === undefined || link.mtu <= narrowMtu)
      throw new MeshproofError(
        "fault-no-effect",
        `the link of ${node.name} has MTU ${link?.mtu ?? "unknown"} already`,
      );
    await ctx.recordUndo({ do: "await-mesh" }, { do: "set-link-mtu", node: node.name, mtu: link.mtu });
    await setLinkMtu(node, narrowMtu, ctx.signal);
    return {
      subject: `the network towards node ${node.name}`,
      names: [node.name],
      async tookHold() {
        const now = await hostLinkOf(node, ctx.signal);
        if (now?.mtu !== narrowMtu)
          throw new MeshproofError("fault-no-effect", `the link of ${node.name} has MTU ${now?.mtu}`);
      },
    };
  },
};
