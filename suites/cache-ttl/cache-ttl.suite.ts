import { apiserverLost } from "#harness/faults/catalogue/disruption.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { kinds } from "#harness/kube/kube.ts";
import { formatMs, monotonicMs } from "#harness/lib/clock.ts";
import { durationMs } from "#harness/lib/duration.ts";
import { combine, failedBecause } from "#harness/model/verdict.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { noticedWithinMs } from "#harness/semantics/heartbeat.ts";
import { judgeWithdrawal, servedFlows } from "#harness/testkit/absence.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn } from "#harness/testkit/fixture-types.ts";
import { serveEverywhere, waitUntilServedBy } from "#harness/workloads/sampling.ts";

const service = "echo-kept";

export default defineSuite(
  {
    name: "cache-ttl",
    tags: ["lab-specific", "services", "disruptive"],
    when: "lab",
    order: 8,
    goal: "Data of a lost cluster expires in the other clusters after `clustermesh.cacheTTL`.",
    method:
      "Stops the other cluster's clustermesh-apiserver; its backends must keep serving until the TTL has passed, then be dropped by every client, at the latest when the missing heartbeat has shown the loss and the TTL has passed since, and be added again when it returns.",
    failureMeans: "The expiry of data about an unreachable cluster in agents.",
    requires: ["clustermeshApiserver"],
    echo: { replicas: 1, patient: true },
    setup: async ({ mesh, echo, within }) => {
      await serveEverywhere(echo, service, { [annotation.global]: "true" }, within.settle);
      const ttlMs = new Map<string, number>();
      for (const c of mesh.clusters)
        ttlMs.set(c.name, durationMs((await c.setting("clustermesh-cache-ttl")) ?? "") ?? 0);
      return ttlMs;
    },
  },
  ({ pairs, test }) => {
    for (const pair of pairs) {
      const { from, to } = pair;
      test(`${pair.name} > ${from.name} keeps the backends of ${to.name} for the cache's time, then drops them, then takes them back`, {
        requires: [{ capability: "cacheTtl", cluster: from.name }],
        timeoutMs: 900_000,
      }, async ({ mesh, echo, setup: times, budgets, within, signal, keepFacts, expect }) => {
        const { from, to } = pairIn(mesh, pair);
        const ttlMs = times.get(from.name) ?? 0;
        const others = mesh.clusters.filter((c) => c !== to);
        const nodes = await Promise.all(mesh.clusters.map((c) => c.kube.list(kinds.node)));
        const latestMs = noticedWithinMs(nodes.flat().length) + ttlMs + budgets.syncMs;
        let droppedAfterMs = 0;
        await using losses = new AsyncDisposableStack();
        const verdict = await judgeWithdrawal(
          await servedFlows({ echo, client: from, service, of: [to], remaining: others }),
          {
            withdraw: async () => {
              const context = { mesh, namespace: echo.namespace, signal };
              losses.use(await injectFault(apiserverLost(to), context));
              const lostMs = monotonicMs();
              // Nothing has expired yet: the data plane of the lost cluster works and is used.
              await waitUntilServedBy(from, { echo, service, by: mesh.clusters }, within.ms(ttlMs / 2));
              await waitUntilServedBy(from, { echo, service, by: others }, within.ms(latestMs));
              droppedAfterMs = monotonicMs() - lostMs;
            },
            restore: async () => {
              await losses.disposeAsync();
              await waitUntilServedBy(from, { echo, service, by: mesh.clusters }, within.rejoin);
            },
          },
          { timeoutMs: budgets.requestMs, within: within.sync },
        );
        keepFacts({ ttlMs, droppedAfterMs, latestMs });
        const early = failedBecause(
          droppedAfterMs >= ttlMs
            ? []
            : [
                `service ${service}, reached from ${from.name}: the backends of ${to.name} were dropped after ${formatMs(droppedAfterMs)}, clustermesh.cacheTTL keeps them for ${formatMs(ttlMs)}`,
              ],
        );
        expect(combine([verdict, early])).toPass();
      });
    }
  },
);
