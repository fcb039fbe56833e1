import { everyAgentOf } from "#harness/cilium/agent/every-agent.ts";
import { awaitKvstoreMeshed, awaitMeshed } from "#harness/cilium/agent/meshed.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { agentSelector, apiserverSelector } from "#harness/cluster/selectors.ts";
import { undo } from "#harness/faults/undo.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import { failedBecause, type Verdict } from "#harness/model/verdict.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { awaitCanary } from "#harness/workloads/canary.ts";
import { awaitVantages } from "#harness/workloads/vantage.ts";

/** By the agents' own report, beside the traffic of the canary: every node has one, and each has every other cluster. */
async function agentsMeshed(clusters: readonly Cluster[], signal: AbortSignal): Promise<Verdict> {
  const reasons: string[] = [];
  for (const cluster of clusters)
    for (const agent of await everyAgentOf(cluster, signal)) {
      const remotes = await agent.remoteClusters();
      for (const other of clusters.filter((c) => c !== cluster))
        if (remotes.find((r) => r.name === other.name)?.ready !== true)
          reasons.push(`agent ${agent.name} is not connected to ${other.name}`);
    }
  return failedBecause(reasons);
}

export default defineSuite(
  {
    name: "restart-order",
    tags: ["lab-specific", "disruptive"],
    when: "lab",
    order: 7,
    goal: "KKP's fix for a mesh that does not connect works: restart clustermesh-apiserver in each cluster, then the agents.",
    method:
      "Replaces the pods in that order; then every agent must be connected and synchronised, and a service of each cluster must answer from every node of the others.",
    failureMeans: "Agents or clustermesh-apiserver that do not reconnect after a restart.",
    requires: ["clustermeshApiserver"],
  },
  ({ test }) => {
    test("clustermesh-apiserver's pods, then the agents': every cluster finds the others again", {
      timeoutMs: 600_000,
    }, async ({ mesh, budgets, within, signal, keepFacts, expect }) => {
      const startedMs = monotonicMs();
      for (const selector of [apiserverSelector, agentSelector]) {
        await Promise.all(
          mesh.clusters.map((c) => undo(mesh, { do: "replace-pods", cluster: c.name, selector }, signal)),
        );
      }
      const restartedMs = monotonicMs();
      await Promise.all(mesh.clusters.map((c) => awaitVantages(c.kube, within.settle)));
      await awaitCanary(mesh.clusters, budgets.settleMs, signal);
      await awaitKvstoreMeshed(mesh.clusters, within.settle);
      await awaitMeshed(mesh.clusters, within.settle);
      expect(await agentsMeshed(mesh.clusters, signal)).toPass();
      keepFacts({ restartMs: restartedMs - startedMs, connectedAfterMs: monotonicMs() - restartedMs });
    });
  },
);
