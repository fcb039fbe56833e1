// Goal: KKP's way out of a mesh that does not connect: restart clustermesh-apiserver in each cluster, then the agents.
// Method: the pods are replaced in that order; then every agent must be connected and synchronised, and a service of
// each cluster must answer from every node of the others.

import { awaitKvstoreMeshed, awaitMeshed } from "#harness/cilium/agent/meshed.ts";
import { agentSelector, apiserverSelector } from "#harness/cluster/selectors.ts";
import { undo } from "#harness/faults/undo.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import { budgets, keepFacts, mesh, setUp, test } from "#harness/testkit/fixtures.ts";
import { awaitCanary } from "#harness/workloads/canary.ts";
import { awaitVantages } from "#harness/workloads/vantage.ts";

setUp("restart-order", async () => ({}));

test("clustermesh-apiserver's pods, then the agents': every cluster finds the others again", {
  timeout: 600_000,
}, async (context) => {
  const { signal } = context;
  const startedMs = monotonicMs();
  for (const selector of [apiserverSelector, agentSelector]) {
    await Promise.all(
      mesh.clusters.map((c) => undo(mesh, { do: "replace-pods", cluster: c.name, selector }, signal)),
    );
  }
  const restartedMs = monotonicMs();
  const within = { withinMs: budgets.settleMs, signal };
  await Promise.all(mesh.clusters.map((c) => awaitVantages(c.kube, within)));
  await awaitCanary(mesh.clusters, budgets.settleMs, signal);
  await awaitKvstoreMeshed(mesh.clusters, within);
  await awaitMeshed(mesh.clusters, within);
  keepFacts(context, { restartMs: restartedMs - startedMs, connectedAfterMs: monotonicMs() - restartedMs });
});
