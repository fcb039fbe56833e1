// Goal: what a cluster knows of a lost one runs out after `clustermesh.cacheTTL`, instead of being believed for ever.
// Method: take the other cluster's clustermesh-apiserver away; its backends must go on serving at first, be dropped by
// every client once the time is over, and be taken back when it returns.

import { apiserverLost } from "#harness/faults/catalogue/disruption.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { formatMs, monotonicMs } from "#harness/lib/clock.ts";
import { durationMs } from "#harness/lib/duration.ts";
import { failedBecause } from "#harness/model/verdict.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import {
  budgets,
  deployEcho,
  expect,
  forEachPair,
  keepFacts,
  mesh,
  serveEverywhere,
  setUp,
  test,
  unsupported,
} from "#harness/testkit/fixtures.ts";
import { settledOn } from "#harness/workloads/draw.ts";

const service = "echo-kept";

const suite = setUp("cache-ttl", async (context) => {
  const echo = await deployEcho(context, { replicas: 1 });
  await serveEverywhere(echo, service, { [annotation.global]: "true" }, context.signal);
  const ttlMs = new Map<string, number>();
  for (const c of mesh.clusters)
    ttlMs.set(c.name, durationMs((await c.setting("clustermesh-cache-ttl")) ?? "") ?? 0);
  return { echo, ttlMs };
});

forEachPair((from, to) => {
  test(`${from.name} keeps the backends of ${to.name} for the cache's time, then drops them, then takes them back`, {
    timeout: 900_000,
  }, async (context) => {
    const { echo, ttlMs: times } = suite();
    const { signal } = context;
    const ttlMs = times.get(from.name) ?? 0;
    if (ttlMs === 0)
      unsupported(context, "clustermesh.cacheTTL: it is 0 here, which keeps a lost cluster for ever");
    const others = mesh.clusters.filter((c) => c !== to);
    await settledOn(from, echo, service, mesh.clusters, { withinMs: budgets.syncMs, signal });
    await using lost = await injectFault(apiserverLost(to), { mesh, namespace: echo.namespace, signal });
    const lostMs = monotonicMs();
    // Nothing has run out yet: the data plane of the lost cluster works, and is used.
    await settledOn(from, echo, service, mesh.clusters, { withinMs: ttlMs / 2, signal });
    await settledOn(from, echo, service, others, {
      withinMs: budgets.noticeMs + ttlMs + budgets.syncMs,
      signal,
    });
    const droppedAfterMs = monotonicMs() - lostMs;
    keepFacts(context, { ttlMs, droppedAfterMs });
    expect(
      failedBecause(
        droppedAfterMs >= ttlMs
          ? []
          : [
              `${from.name} dropped the backends of ${to.name} after ${formatMs(droppedAfterMs)}: clustermesh.cacheTTL keeps them for ${formatMs(ttlMs)}`,
            ],
      ),
    ).toPass();
    await lost.heal();
    await settledOn(from, echo, service, mesh.clusters, { withinMs: budgets.rejoinMs, signal });
  });
});
