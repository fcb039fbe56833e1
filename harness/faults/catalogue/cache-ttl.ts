import { setCacheTtl } from "#harness/cilium/install/mesh-values.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { agentSelector } from "#harness/cluster/selectors.ts";
import type { Undo } from "#harness/model/undo.ts";
import type { Fault } from "../fault.ts";

/** A prepared state rather than a fault: `clustermesh.cacheTTL` of some clusters, in force and with the mesh connected. */
export function cacheTtlSet(clusters: readonly Cluster[], cacheTtl: string): Fault {
  return {
    name: "cache-ttl-set",
    group: "configuration",
    does: `sets clustermesh.cacheTTL of ${clusters.map((c) => c.name).join(" and ")} to ${cacheTtl}`,
    async inject(ctx) {
      await ctx.recordUndo({ do: "await-mesh" });
      for (const cluster of clusters) {
        const before = (await cluster.setting("clustermesh-cache-ttl")) ?? "0s";
        if (before === cacheTtl) continue;
        // Without KVStoreMesh every agent reads the other clusters' kvstores itself, and this setting when it starts.
        const restarts: Undo[] = cluster.capabilities.hasKvstoreMesh
          ? []
          : [{ do: "replace-pods", cluster: cluster.name, selector: agentSelector }];
        await ctx.recordUndo(...restarts, {
          do: "set-cache-ttl",
          cluster: cluster.name,
          cacheTtl: before,
        });
        await setCacheTtl(ctx.mesh, cluster, cacheTtl, ctx.signal);
        for (const step of restarts) await ctx.runUndo(step);
      }
      await ctx.runUndo({ do: "await-mesh" });
      return { subject: `clustermesh.cacheTTL ${cacheTtl}`, names: clusters.map((c) => c.name) };
    },
  };
}
