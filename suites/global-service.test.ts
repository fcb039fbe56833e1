// Goal: a global service is served by the backends of both clusters, to clients of both.
// Method: shares of a computed sample; agents' backend lists and BPF maps against both clusters' EndpointSlices;
// then the annotations that take backends away, and the old annotation names.

import { agentsOf } from "#harness/cilium/agent/agent.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgeSameSet } from "#harness/judge/sets.ts";
import { judgeShares } from "#harness/judge/shares.ts";
import { kinds } from "#harness/kube/kube.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import { answersToSeeAll } from "#harness/lib/stats.ts";
import { combine } from "#harness/model/verdict.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import {
  budgets,
  deployEcho,
  expect,
  faultOfRun,
  forEachPair,
  keepFacts,
  mesh,
  serveEverywhere,
  setUp,
  test,
  unsupported,
} from "#harness/testkit/fixtures.ts";
import { drawAnswers, settledOn } from "#harness/workloads/draw.ts";
import { echoService } from "#harness/workloads/echo.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";

const replicas = 2;
const services = { plain: "echo", old: "echo-old", changing: "echo-changing" } as const;

const suite = setUp("global-service", async (context) => {
  const { signal } = context;
  const echo = await deployEcho(context, { replicas });
  await serveEverywhere(echo, services.plain, { [annotation.global]: "true" }, signal);
  await serveEverywhere(echo, services.old, { [annotation.oldGlobal]: "true" }, signal);
  await serveEverywhere(echo, services.changing, { [annotation.global]: "true" }, signal);
  return { echo };
});

forEachPair((from, to) => {
  test(`${from.name}'s clients reach the backends of both clusters in even shares`, async (context) => {
    const { echo } = suite();
    const expected = await echo.allPods(mesh.clusters);
    // Enough answers to miss no backend by chance, and four times as many for a share that means something.
    const count = 4 * answersToSeeAll(expected.length, budgets.falseAlarm);
    const answers = await drawAnswers(
      from,
      await echo.clusterIp(from, services.plain),
      count,
      budgets.requestMs,
      context.signal,
    );
    keepFacts(context, { answers: answers.good.length, falseAlarm: budgets.falseAlarm });
    expect(
      judgeShares(`${from.name} -> service ${services.plain}`, answers, expected, budgets.falseAlarm),
    ).toPass();
  });

  test(`${from.name}'s agents and BPF maps hold the endpoints of both clusters`, async (context) => {
    const { echo } = suite();
    const truth = (await Promise.all(mesh.clusters.map((c) => echo.endpoints(c, services.plain)))).flat();
    const ip = await echo.clusterIp(from, services.plain);
    for (const agent of await agentsOf(from, context.signal)) {
      const entry = (await agent.serviceList()).find((s) => s.frontend === `${ip}:80`);
      const maps = await agent.lbMaps();
      const inMaps = maps.get(`${ip}:80/TCP`) ?? maps.get(`${ip}:80`) ?? [];
      expect(
        combine([
          judgeSameSet(
            `${agent.name}: backend list of ${services.plain} (${ip}:80)`,
            (entry?.backends ?? []).map((b) => `${b.ip}:${b.port}`),
            truth,
          ),
          judgeSameSet(
            `${agent.name}: BPF backends of ${services.plain} (${ip}:80)`,
            inMaps.map((b) => b.replace(/\/\w+$/, "")),
            truth,
          ),
        ]),
      ).toPass();
    }
    keepFacts(context, { endpoints: truth.length });
  });

  test(`the old annotation io.cilium/global-service works from ${from.name}`, async (context) => {
    const { echo } = suite();
    const expected = await echo.allPods(mesh.clusters);
    const count = answersToSeeAll(expected.length, budgets.falseAlarm);
    const answers = await drawAnswers(
      from,
      await echo.clusterIp(from, services.old),
      count,
      budgets.requestMs,
      context.signal,
    );
    expect(
      judgeSameSet(
        `${from.name} -> service ${services.old}, backends that answered`,
        [...new Set(answers.good)],
        expected,
      ),
    ).toPass();
  });

  test(`shared "false" in ${to.name} takes its backends away from ${from.name}, not from itself`, async (context) => {
    const { echo } = suite();
    await using _undo = await annotated(to, echo, services.changing, { [annotation.shared]: "false" });
    const sharing = mesh.clusters.filter((c) => c !== to);
    await settledOn(from, echo, services.changing, sharing, {
      withinMs: budgets.syncMs,
      signal: context.signal,
    });
    await settledOn(to, echo, services.changing, mesh.clusters, {
      withinMs: budgets.syncMs,
      signal: context.signal,
    });
  });

  test(`a new LoadBalancer service of ${to.name} gets an address that answers from ${from.name}`, async (context) => {
    if (!to.capabilities.assignsLoadBalancerIPs)
      unsupported(context, `LoadBalancer services: nothing in ${to.name} gives them addresses`);
    const { echo } = suite();
    const name = `echo-lb-${to.name}`;
    await to.kube.apply(
      echoService({
        namespace: echo.namespace,
        name,
        selector: { app: echo.deploymentOf(to) },
        annotations: {},
        type: "LoadBalancer",
      }),
    );
    const ip = await echo.loadBalancerIp(to, name, budgets.syncMs, context.signal);
    const expected = await echo.allPods([to]);
    await eventually(
      async () => {
        const draw = await drawAnswers(from, ip, 12 * expected.length, budgets.requestMs, context.signal);
        const verdict = judgeSameSet(`${from.name} -> ${ip}`, [...new Set(draw.good)], expected);
        const lost = draw.bad.length === 0 ? [] : [`${draw.bad.length} lost, first: ${draw.bad[0]}`];
        return verdict.outcome === "pass" && lost.length === 0
          ? ready(undefined)
          : notYet([...verdict.reasons, ...lost].join("; "));
      },
      {
        what: `the LoadBalancer address ${ip} of ${to.name} to answer from every node of ${from.name}`,
        withinMs: budgets.settleMs,
        everyMs: 500,
        signal: context.signal,
      },
    );
  });

  test(`without the global annotation ${from.name} has its own backends only`, async (context) => {
    const { echo } = suite();
    await using _undo = await annotated(from, echo, services.changing, { [annotation.global]: null });
    await settledOn(from, echo, services.changing, [from], {
      withinMs: budgets.syncMs,
      signal: context.signal,
    });
    const others = mesh.clusters.filter((c) => c !== from);
    await settledOn(to, echo, services.changing, others, {
      withinMs: budgets.syncMs,
      signal: context.signal,
    });
  });
});

/** Changes annotations of one side's service and puts them back, waiting until every cluster serves as before. */
async function annotated(
  cluster: Cluster,
  echo: EchoBackends,
  name: string,
  changes: Record<string, string | null>,
): Promise<AsyncDisposable> {
  const before = (await echo.service(cluster, name)).metadata.annotations ?? {};
  await cluster.kube.merge(kinds.service, echo.namespace, name, { metadata: { annotations: changes } });
  return {
    async [Symbol.asyncDispose]() {
      const back = Object.fromEntries(Object.keys(changes).map((key) => [key, before[key] ?? null]));
      await cluster.kube.merge(kinds.service, echo.namespace, name, { metadata: { annotations: back } });
      if (faultOfRun === undefined) {
        for (const c of mesh.clusters) {
          await settledOn(c, echo, name, mesh.clusters, {
            withinMs: budgets.syncMs,
            signal: AbortSignal.timeout(budgets.syncMs + 5000),
          });
        }
      }
      await eventually(
        async () =>
          (await echo.service(cluster, name)).metadata.annotations?.[annotation.global] ===
          before[annotation.global]
            ? ready(undefined)
            : notYet("not restored"),
        {
          what: `the annotations of ${name} in ${cluster.name} to be restored`,
          withinMs: 5000,
          signal: AbortSignal.timeout(6000),
        },
      );
    },
  };
}
