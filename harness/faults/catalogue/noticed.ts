import type { Agent } from "#harness/cilium/agent/agent.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import type { RemoteClusterStatus } from "#harness/model/snapshot.ts";

const noticeMs = 60_000;

/**
 * `stillSeen` returns what contradicts the effect, or undefined once the fault works. `nudge` is called from time to
 * time: a kubelet that had not yet seen the change at the first call would update the volume only after a minute.
 */
export async function noticed(
  what: string,
  signal: AbortSignal,
  stillSeen: () => Promise<string | undefined>,
  nudge?: () => Promise<void>,
): Promise<void> {
  let attempts = 0;
  try {
    await eventually(
      async () => {
        const seen = await stillSeen();
        if (seen === undefined) return ready(undefined);
        attempts += 1;
        if (attempts % 5 === 0) await nudge?.();
        return notYet(seen);
      },
      { what, withinMs: noticeMs, everyMs: 1000, signal },
    );
  } catch (error) {
    if (signal.aborted) throw error;
    throw new MeshproofError("fault-no-effect", messageOf(error), { cause: error });
  }
}

/** The names of the agents that have a remote cluster for which `holds` is true. */
export async function agentsWhere(
  agents: readonly Agent[],
  holds: (remote: RemoteClusterStatus) => boolean,
): Promise<string[]> {
  const reported = await Promise.all(
    agents.map(async (a) => ({ name: a.name, remote: await a.remoteClusters() })),
  );
  return reported.filter((agent) => agent.remote.some(holds)).map((agent) => agent.name);
}
