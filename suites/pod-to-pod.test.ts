// Goal: a pod reaches a pod of the other cluster by its IP, from every node to every node.
// Method: HTTP over TCP and a datagram over UDP, several each; the right pod must answer every one.
import { judgePaths, type PathAnswers } from "#harness/judge/paths.ts";
import type { AskTarget } from "#harness/model/probe-wire.ts";
import {
  agnhostImage,
  budgets,
  expect,
  forEachPair,
  keepFacts,
  mesh,
  setUp,
  test,
} from "#harness/testkit/fixtures.ts";
import { echoHttpPort, echoUdpPort } from "#harness/workloads/echo.ts";
import { deployTargets, targetsOf } from "#harness/workloads/targets.ts";
import { askFrom, vantagesOf } from "#harness/workloads/vantage.ts";

const asks = 3;

const suite = setUp("pod-to-pod", async ({ namespace, signal }) => {
  await deployTargets(mesh.clusters, {
    namespace,
    image: agnhostImage,
    withinMs: budgets.settleMs,
    signal,
  });
  return { namespace };
});

forEachPair((from, to) => {
  for (const protocol of ["http", "udp"] as const) {
    test(`${protocol === "http" ? "TCP" : "UDP"} from every node to every node`, async (context) => {
      const { namespace } = suite();
      const targets = await targetsOf(to, namespace, {
        withinMs: budgets.settleMs,
        signal: context.signal,
      });
      const vantages = await vantagesOf(from.kube);
      const nodes = await from.nodes();
      expect(vantages.map((v) => v.node)).toEqual(nodes.map((n) => n.name));
      const paths: PathAnswers[] = [];
      await Promise.all(
        vantages.map(async (vantage) => {
          const spec = targets.map(
            (t): AskTarget => ({
              protocol,
              host: t.ip,
              port: protocol === "http" ? echoHttpPort : echoUdpPort,
              path: protocol === "http" ? "/hostname" : "hostname",
              count: asks,
            }),
          );
          const reply = await askFrom(
            from.kube,
            vantage,
            { asks: spec, timeoutMs: budgets.requestMs, concurrency: 4 },
            context.signal,
          );
          for (const [i, target] of targets.entries()) {
            paths.push({
              from: `${from.name}/${vantage.node} (${vantage.ip})`,
              to: `${to.name}/${target.node} (${target.ip}:${spec[i]!.port})`,
              expectedBody: target.pod,
              answers: reply.answers[i]!,
            });
          }
        }),
      );
      keepFacts(context, { paths: paths.length, requests: paths.length * asks });
      expect(judgePaths(paths, nodes.length * targets.length)).toPass();
    });
  }
});
