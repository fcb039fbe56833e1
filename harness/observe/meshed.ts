import type { Cluster } from "#harness/cluster/cluster.ts";
import { type EventuallyOptions, eventually, notYet, ready } from "#harness/core/eventually.ts";
import { agentsOf } from "./agent.ts";
import { kvstoreMeshStatus } from "./kvstore-mesh.ts";

/**
 * Waits until every cluster is connected and synchronised with every other one under the right id, by its KVStoreMesh,
 * where there is one, as well as by every agent.
 */
export async function awaitMeshed(
  clusters: readonly Cluster[],
  options: Omit<EventuallyOptions, "what">,
): Promise<void> {
  await Promise.all(
    clusters.flatMap((from) =>
      clusters.filter((to) => to !== from).map((to) => awaitPeer(from, to, options)),
    ),
  );
}

async function awaitPeer(
  from: Cluster,
  to: Cluster,
  options: Omit<EventuallyOptions, "what">,
): Promise<void> {
  const { signal } = options;
  await eventually(
    async () => {
      const agents = await agentsOf(from, signal);
      const told = [
        ...(from.hasApiserver
          ? [{ who: `KVStoreMesh of ${from.name}`, all: await kvstoreMeshStatus(from, signal) }]
          : []),
        ...(await Promise.all(agents.map(async (a) => ({ who: a.name, all: await a.remoteClusters() })))),
      ];
      const open = told.flatMap(({ who, all }) => {
        const remote = all.find((c) => c.name === to.name);
        const well =
          remote?.ready === true &&
          remote.config.clusterId === to.id &&
          Object.values(remote.synced).every(Boolean);
        return well ? [] : [`${who}: ${remote?.status ?? "no such remote"}`];
      });
      return agents.length > 0 && open.length === 0 ? ready(undefined) : notYet(open.join("; "));
    },
    { what: `${from.name} to be meshed with ${to.name}`, everyMs: 1000, ...options },
  );
}
