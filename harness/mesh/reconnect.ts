import type { Cluster } from "#harness/cluster/cluster.ts";
import { MeshproofError } from "#harness/core/errors.ts";

/**
 * Agents start long before clustermesh-apiserver and their etcd client backs off meanwhile, for half a minute or more
 * past its readiness. Ending the agent's process makes kubelet start it anew in its own pod, with a fresh client: no
 * init containers, no compilation, and the BPF data plane goes on.
 */
export async function reconnectAgents(cluster: Cluster, signal: AbortSignal): Promise<void> {
  await Promise.all(
    (await cluster.agents()).map(async ({ pod, node }) => {
      const result = await cluster.kube.exec(
        "kube-system",
        pod,
        "cilium-agent",
        ["bash", "-c", "kill -TERM 1"],
        { signal },
      );
      // The exec may die with the container it ends.
      if (result.exitCode > 0 && result.exitCode < 126) {
        throw new MeshproofError(
          "mesh-not-ready",
          `the agent of ${cluster.name}/${node} could not be restarted: ${result.stderr.slice(0, 200)}`,
        );
      }
    }),
  );
}
