import type { Agent } from "#harness/cilium/agent/agent.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import type { RemoteClusterStatus } from "#harness/model/snapshot.ts";

const noticeMs = 60_000;

/**
 * `stillSeen` answers what speaks against it, or nothing once the harm is seen. `nudge` is called now and then: a
 * kubelet that had not seen the change yet when it was told to look would look again only after a minute.
 */
export async function noticed(
  what: string,
  signal: AbortSignal,
  stillSeen: () => Promise<string | undefined>,
  nudge?: () => Promise<void>,
): Promise<void> {
  let looks = 0;
  try {
    await eventually(
      async () => {
        const seen = await stillSeen();
        if (seen === undefined) return ready(undefined);
        looks += 1;
        if (looks % 5 === 0) await nudge?.();
        return notYet(seen);
      },
      { what, withinMs: noticeMs, everyMs: 1000, signal },
    );
  } catch (error) {
    if (signal.aborted) throw error;
    throw new MeshproofError("fault-no-effect", messageOf(error), { cause: error });
  }
}

/** The names of the agents that have a remote cluster of which something holds. */
export async function having(
  agents: readonly Agent[],
  holds: (remote: RemoteClusterStatus) => boolean,
): Promise<string[]> {
  const reported = await Promise.all(
    agents.map(async (a) => ({ name: a.name, remote: await a.remoteClusters() })),
  );
  return reported.filter((agent) => agent.remote.some(holds)).map((agent) => agent.name);
}
