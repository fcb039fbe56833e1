import type { Cluster } from "#harness/cluster/cluster.ts";
import { persistentState } from "#harness/evidence/persistent-state.ts";
import { unsettled } from "#harness/judge/persistent-state.ts";
import { type EventuallyOptions, eventually, notYet, ready } from "#harness/lib/eventually.ts";
import type { PersistentState } from "#harness/model/persistent-state.ts";

/** The state of every cluster that must survive the upgrade; waits until none of it is missing. */
export async function wholePersistentState(
  clusters: readonly Cluster[],
  namespace: string,
  options: Pick<EventuallyOptions, "withinMs" | "signal">,
): Promise<ReadonlyMap<string, PersistentState>> {
  const entries = clusters.map(async (cluster) => {
    const state = await eventually(
      async (signal) => {
        const now = await persistentState(cluster, namespace, signal);
        const open = unsettled(now);
        return open.length === 0 ? ready(now) : notYet(open.join("; "));
      },
      { what: `the complete persistent state of ${cluster.name}`, everyMs: 500, ...options },
    );
    return [cluster.name, state] as const;
  });
  return new Map(await Promise.all(entries));
}
