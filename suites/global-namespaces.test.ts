// Goal: a namespace that is not global stays its cluster's own: nothing of it is told to the others.
// Method: mark a namespace `clustermesh.cilium.io/global: "false"` in one cluster: its service and its pods must go from
// that cluster's kvstore, and the other cluster's clients must be left with their own backends; then all of it backwards.

import { entriesUnder } from "#harness/cilium/kvstore/kvstore.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { kinds } from "#harness/kube/kube.ts";
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

const service = "echo-namespaced";
const globalNamespace = "clustermesh.cilium.io/global";

const suite = setUp("global-namespaces", async (context) => {
  const echo = await deployEcho(context, { replicas: 1 });
  await serveEverywhere(echo, service, { [annotation.global]: "true" }, context.signal);
  return { echo };
});

/** Marks a namespace of one cluster; its handle takes the mark away and waits until all is shared again. */
async function marked(cluster: Cluster, signal: AbortSignal): Promise<AsyncDisposable> {
  const { echo } = suite();
  const mark = (value: string | null) =>
    cluster.kube.merge(kinds.namespace, undefined, echo.namespace, {
      metadata: { annotations: { [globalNamespace]: value } },
    });
  await mark("false");
  return {
    async [Symbol.asyncDispose]() {
      await mark(null);
      for (const c of mesh.clusters)
        await settledOn(c, echo, service, mesh.clusters, { withinMs: budgets.syncMs, signal });
    },
  };
}

forEachPair((from, to) => {
  test(`what is in a namespace of ${to.name} that is not global stays there: ${from.name} has its own backends only`, async (context) => {
    const { echo } = suite();
    const { signal } = context;
    if ((await to.setting("clustermesh-default-global-namespace")) === undefined)
      unsupported(
        context,
        "namespaces that are not global: Cilium 1.20 or later (clustermesh-default-global-namespace)",
      );
    const pods = await to.kube.list(kinds.pod, echo.namespace);
    const ips = pods.map((p) => String(p.status?.podIP));
    await using _mark = await marked(to, signal);
    const verdict = await judgedInTime(
      async () => {
        const services = [...(await entriesUnder(to, "cilium/state/services/v1/")).keys()];
        const addresses = [...(await entriesUnder(to, "cilium/state/ip/v1/default/")).keys()];
        return failedBecause([
          ...(ips.length === 0 ? [`${to.name} has no pod in ${echo.namespace}, which proves nothing`] : []),
          ...services
            .filter((s) => s === `${to.name}/${echo.namespace}/${service}`)
            .map((s) => `the kvstore of ${to.name} still holds service ${s}`),
          ...ips
            .filter((ip) => addresses.includes(ip))
            .map((ip) => `the kvstore of ${to.name} still holds ${ip} of ${echo.namespace}`),
        ]);
      },
      {
        what: `the kvstore of ${to.name} to forget namespace ${echo.namespace}`,
        withinMs: budgets.syncMs,
        everyMs: 500,
        signal,
      },
    );
    expect(verdict).toPass();
    const others = mesh.clusters.filter((c) => c !== to);
    await settledOn(from, echo, service, others, { withinMs: budgets.syncMs, signal });
    keepFacts(context, { pods: ips.length });
  });
});
