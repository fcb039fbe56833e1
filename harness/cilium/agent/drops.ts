import type { Cluster } from "#harness/cluster/cluster.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { type EventuallyOptions, eventually, notYet, ready } from "#harness/lib/eventually.ts";

/** The reason in a line of `cilium-dbg monitor --type drop`, such as `xx drop (Policy denied) flow ...`. */
export function dropReasonOf(line: string): string | undefined {
  return /\bdrop \(([^)]+)\)/.exec(line)?.[1];
}

/**
 * Sends requests while it follows the drop monitor of a node's agent; returns the reasons of the drops that the
 * monitor reports.
 */
export async function dropReasons(
  cluster: Cluster,
  node: string,
  ask: () => Promise<unknown>,
  options: Omit<EventuallyOptions, "what">,
): Promise<string[]> {
  const agent = (await cluster.agents()).find((a) => a.node === node);
  if (agent === undefined)
    throw new MeshproofError("kube-request", `no agent runs on ${cluster.name}/${node}`);
  const reasons = new Set<string>();
  const monitor = await cluster.kube.start(
    {
      namespace: "kube-system",
      pod: agent.pod,
      container: "cilium-agent",
      argv: ["cilium-dbg", "monitor", "--type", "drop"],
    },
    (line) => {
      const reason = dropReasonOf(line);
      if (reason !== undefined) reasons.add(reason);
    },
  );
  try {
    return await eventually(
      async () => {
        await ask();
        return reasons.size > 0 ? ready([...reasons].sort()) : notYet("no drop in the agent's monitor");
      },
      { what: `the agent of ${cluster.name}/${node} to report the drop`, ...options },
    );
  } finally {
    monitor.kill();
  }
}
