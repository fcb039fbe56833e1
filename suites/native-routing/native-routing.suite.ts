import { lookupRoute } from "#harness/cilium/agent/routes.ts";
import { localNode } from "#harness/cluster/cluster.ts";
import { judgePaths, type PathAnswers } from "#harness/judge/paths.ts";
import { failedBecause } from "#harness/model/verdict.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn } from "#harness/testkit/fixture-types.ts";
import { echoHttpPort } from "#harness/workloads/echo.ts";
import { deployTargets, targetsOf } from "#harness/workloads/targets.ts";
import { askFrom, everyVantageOf } from "#harness/workloads/vantage.ts";

const asks = 3;

export default defineSuite(
  {
    name: "native-routing",
    tags: ["lab-specific", "nodes"],
    when: "lab",
    order: 9,
    goal: "Without a tunnel, pods of different clusters reach each other by routes and see each other's real addresses.",
    method:
      "Looks up every node's kernel route to every pod of the other cluster; then sends requests from every node, each answered with its source address.",
    failureMeans: "Routes between the nodes of different clusters, or masquerading.",
    setup: async ({ mesh, namespace, images, within }) => {
      await deployTargets(mesh.clusters, { namespace, image: images.agnhost, ...within.settle });
    },
  },
  ({ pairs, test }) => {
    for (const pair of pairs) {
      const { from, to } = pair;
      test(`${pair.name} > ${from.name}'s nodes route to the pods of ${to.name}, which see who asks`, {
        requires: [
          { capability: "nativeRouting", cluster: from.name },
          { capability: "localNodes", cluster: from.name },
        ],
        spec: "https://docs.cilium.io/en/v1.19/network/clustermesh/clustermesh/",
      }, async ({ mesh, namespace, budgets, within, signal, keepFacts, expect }) => {
        const { from, to } = pairIn(mesh, pair);
        const targets = await targetsOf(to, namespace, within.settle);
        const hosts = new Map((await to.nodes()).map((n) => [n.name, n.address]));
        const vantages = await everyVantageOf(from.kube);
        const wrong: string[] = [];
        const paths: PathAnswers[] = [];
        for (const vantage of vantages) {
          for (const target of targets) {
            const route = await lookupRoute(localNode(from, vantage.node), target.ip, signal);
            if (route.via !== hosts.get(target.node))
              wrong.push(
                `${from.name}/${vantage.node} -> ${to.name}/${target.node} (${target.ip}): by ${route.via ?? "no gateway"} on ${route.device ?? "no device"}, not by the node's own ${hosts.get(target.node)}`,
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
              answers: (reply.answers[i] ?? []).map((a) => ({ ...a, body: a.body.replace(/:\d+$/, "") })),
            });
        }
        keepFacts({ routes: vantages.length * targets.length, requests: paths.length * asks });
        expect(failedBecause(wrong)).toPass();
        expect(judgePaths(paths, vantages.length * targets.length)).toPass();
      });
    }
  },
);
