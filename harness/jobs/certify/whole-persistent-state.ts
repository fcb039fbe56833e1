import type { Cluster } from "#harness/cluster/cluster.ts";
import { persistentState } from "#harness/evidence/persistent-state.ts";
import { changesOf, unsettled } from "#harness/judge/persistent-state.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import { messageOf } from "#harness/lib/errors.ts";
import { type EventuallyOptions, eventually, notYet, pause, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
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

/**
 * All that differs from the state before, after the mesh had time to settle: a pod may be unready for a moment. It has
 * that time only while there is something that is not `known`.
 */
export async function changedState(
  clusters: readonly Cluster[],
  before: ReadonlyMap<string, PersistentState>,
  {
    namespace,
    known,
    withinMs,
    signal,
  }: Pick<EventuallyOptions, "withinMs" | "signal"> & {
    readonly namespace: string;
    readonly known: readonly string[];
  },
): Promise<{ readonly changed: string[]; readonly unread: string[] }> {
  const deadlineMs = monotonicMs() + withinMs;
  for (;;) {
    const changed: string[] = [];
    const unread: string[] = [];
    for (const cluster of clusters) {
      const then = found(before.get(cluster.name), `state of ${cluster.name} before the phase`);
      await persistentState(cluster, namespace, signal).then(
        (now) => changed.push(...changesOf(cluster.name, then, now)),
        (error: unknown) =>
          unread.push(`the persistent state of ${cluster.name} could not be read: ${messageOf(error)}`),
      );
    }
    const isSettled = unread.length === 0 && changed.every((c) => known.includes(c));
    if (isSettled || monotonicMs() >= deadlineMs) return { changed, unread };
    await pause(1000, signal);
  }
}
