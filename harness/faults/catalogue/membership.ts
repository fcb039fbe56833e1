import { membersOf, setMembers } from "#harness/cilium/install/mesh-values.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import type { Fault } from "../fault.ts";

/**
 * Removes a cluster from the mesh by the Helm values of all: the others no longer list it, and it lists none. All are
 * changed at the same time; `onChanged` is called when Helm returns for one of them. Ends when it has for all.
 */
export function clusterLeft(leaving: Cluster, onChanged: (cluster: string, atUnixMs: number) => void): Fault {
  return {
    name: "cluster-left",
    group: "configuration",
    wide: true,
    does: `removes ${leaving.name} from the Helm values of every cluster`,
    async inject({ mesh, signal, recordUndo }) {
      await recordUndo({ do: "await-mesh" });
      const changes: (() => Promise<void>)[] = [];
      for (const cluster of mesh.clusters) {
        const members = await membersOf(mesh, cluster, signal);
        await recordUndo({ do: "set-members", cluster: cluster.name, members: [...members] });
        const left = cluster === leaving ? [] : members.filter((m) => m.name !== leaving.name);
        changes.push(async () => {
          await setMembers(mesh, cluster, left, signal);
          onChanged(cluster.name, unixNowMs());
        });
      }
      await Promise.all(changes.map((change) => change()));
      return { subject: `cluster ${leaving.name}`, names: [leaving.name] };
    },
  };
}
