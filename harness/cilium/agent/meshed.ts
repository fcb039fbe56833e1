import type { Cluster } from "#harness/cluster/cluster.ts";
import { type EventuallyOptions, eventually, notYet, ready } from "#harness/lib/eventually.ts";
import type { RemoteClusterStatus } from "#harness/model/snapshot.ts";
import { kvstoreMeshStatus } from "../kvstoremesh/kvstore-mesh.ts";
import { everyAgentOf } from "./every-agent.ts";

type Options = Omit<EventuallyOptions, "what">;

/** What an agent or a KVStoreMesh reports about the other clusters. */
interface Reported {
  readonly who: string;
  readonly remotes: readonly RemoteClusterStatus[];
}

/** Waits until every agent is connected and synchronised with every other cluster, under its right id. */
export async function awaitMeshed(clusters: readonly Cluster[], options: Options): Promise<void> {
  await awaitConnected(clusters, "the agents", options, async (cluster) => {
    const agents = await everyAgentOf(cluster, options.signal);
    return Promise.all(agents.map(async (a) => ({ who: a.name, remotes: await a.remoteClusters() })));
  });
}

/** The same for KVStoreMesh, in the clusters that have it. */
export async function awaitKvstoreMeshed(clusters: readonly Cluster[], options: Options): Promise<void> {
  await awaitConnected(
    clusters.filter((c) => c.capabilities.hasKvstoreMesh),
    "KVStoreMesh",
    options,
    async (cluster) => [
      { who: `KVStoreMesh of ${cluster.name}`, remotes: await kvstoreMeshStatus(cluster, options.signal) },
    ],
  );
}

async function awaitConnected(
  clusters: readonly Cluster[],
  who: string,
  options: Options,
  tell: (cluster: Cluster) => Promise<readonly Reported[]>,
): Promise<void> {
  await Promise.all(
    clusters.map((from) =>
      eventually(
        async () => {
          const all = await tell(from);
          const open = all.flatMap((reported) =>
            clusters.filter((to) => to !== from).flatMap((to) => trouble(reported, to)),
          );
          return all.length > 0 && open.length === 0 ? ready(undefined) : notYet(open.join("; "));
        },
        { what: `${who} of ${from.name} to be meshed with every other cluster`, everyMs: 1000, ...options },
      ),
    ),
  );
}

function trouble({ who, remotes }: Reported, to: Cluster): string[] {
  const remote = remotes.find((c) => c.name === to.name);
  const well =
    remote?.ready === true &&
    remote.config.clusterId === to.id &&
    Object.values(remote.synced).every(Boolean);
  return well ? [] : [`${who} to ${to.name}: ${remote?.status ?? "not configured"}`];
}
