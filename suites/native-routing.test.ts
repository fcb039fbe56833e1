// Goal: without a tunnel, pods of different clusters reach one another by routes, and see each other's own addresses.
// Method: every node's way to every pod of the other cluster, as its kernel tells it; then requests from every node, each
// answered with the address that it came from.

import { wayTo } from "#harness/cilium/agent/routes.ts";
import { localNode } from "#harness/cluster/cluster.ts";
import { judgePaths, type PathAnswers } from "#harness/judge/paths.ts";
import { failedBecause } from "#harness/model/verdict.ts";
import {
  agnhostImage,
  budgets,
  expect,
  forEachPair,
  keepFacts,
  mesh,
  setUp,
  test,
  unsupported,
} from "#harness/testkit/fixtures.ts";
import { echoHttpPort } from "#harness/workloads/echo.ts";
import { deployTargets, targetsOf } from "#harness/workloads/targets.ts";
import { askFrom, vantagesOf } from "#harness/workloads/vantage.ts";

const asks = 3;

const suite = setUp("native-routing", async ({ namespace, signal }) => {
  await deployTargets(mesh.clusters, {
    namespace,
    image: agnhostImage,
    withinMs: budgets.settleMs,
    signal,
  });
  return { namespace };
});

forEachPair((from, to) => {
  test(`${from.name}'s nodes route to the pods of ${to.name}, which see who asks`, async (context) => {
    const { signal } = context;
    const mode = (await from.setting("routing-mode")) ?? "tunnel";
    if (mode !== "native") unsupported(context, `native routing: routing-mode is ${mode}`);
    const targets = await targetsOf(to, suite().namespace, { withinMs: budgets.settleMs, signal });
    const hosts = new Map((await to.nodes()).map((n) => [n.name, n.address]));
    const vantages = await vantagesOf(from.kube);
    const wrong: string[] = [];
    const paths: PathAnswers[] = [];
    for (const vantage of vantages) {
      for (const target of targets) {
        const way = await wayTo(localNode(from, vantage.node), target.ip, signal);
        if (way.via !== hosts.get(target.node))
          wrong.push(
            `${from.name}/${vantage.node} -> ${to.name}/${target.node} (${target.ip}): by ${way.via ?? "no gateway"} on ${way.device ?? "no device"}, not by the node's own ${hosts.get(target.node)}`,
          );
      }
      const reply = await askFrom(
        from.kube,
        vantage,
        {
          asks: targets.map((t) => ({
            protocol: "http" as const,
            host: t.ip,
            port: echoHttpPort,
            path: "/clientip",
            count: asks,
          })),
          timeoutMs: budgets.requestMs,
          concurrency: 4,
        },
        signal,
      );
      for (const [i, target] of targets.entries())
        paths.push({
          from: `${from.name}/${vantage.node} (${vantage.ip})`,
          to: `${to.name}/${target.node} (${target.ip}:${echoHttpPort})`,
          expectedBody: vantage.ip,
          // `address:port` of the client.
          answers: reply.answers[i]!.map((a) => ({ ...a, body: a.body.replace(/:\d+$/, "") })),
        });
    }
    keepFacts(context, { routes: vantages.length * targets.length, requests: paths.length * asks });
    expect(vantages.map((v) => v.node)).toEqual((await from.nodes()).map((n) => n.name));
    expect(failedBecause(wrong)).toPass();
    expect(judgePaths(paths, vantages.length * targets.length)).toPass();
  });
});
