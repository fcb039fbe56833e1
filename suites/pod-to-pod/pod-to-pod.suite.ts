import { judgePaths, type PathAnswers } from "#harness/judge/paths.ts";
import type { AskTarget } from "#harness/model/probe-wire.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn } from "#harness/testkit/fixture-types.ts";
import { echoHttpPort, echoUdpPort } from "#harness/workloads/echo.ts";
import { deployTargets, targetsOf } from "#harness/workloads/targets.ts";
import { askFrom, vantagesOf } from "#harness/workloads/vantage.ts";

const asks = 3;

export default defineSuite(
  {
    name: "pod-to-pod",
    tags: ["core", "nodes"],
    when: "core",
    order: 4,
    goal: "A pod reaches a pod of the other cluster by its IP, from every node to every node.",
    method: "Sends several HTTP requests over TCP and several UDP datagrams; the right pod must answer each.",
    failureMeans: "The data plane between the nodes: tunnel, routes or ipcache.",
    setup: async ({ mesh, namespace, images, within }) => {
      await deployTargets(mesh.clusters, { namespace, image: images.agnhost, ...within.settle });
    },
  },
  ({ pairs, test }) => {
    for (const pair of pairs) {
      for (const protocol of ["http", "udp"] as const) {
        test(`${pair.name} > ${protocol === "http" ? "TCP" : "UDP"} from every node to every node`, async ({
          mesh,
          namespace,
          budgets,
          within,
          signal,
          keepFacts,
          expect,
        }) => {
          const { from, to } = pairIn(mesh, pair);
          const targets = await targetsOf(to, namespace, within.settle);
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
                signal,
              );
              for (const [i, target] of targets.entries()) {
                paths.push({
                  from: `${from.name}/${vantage.node} (${vantage.ip})`,
                  to: `${to.name}/${target.node} (${target.ip}:${spec[i]!.port})`,
                  expectedBody: target.pod,
                  answers: reply.answers[i] ?? [],
                });
              }
            }),
          );
          keepFacts({ paths: paths.length, requests: paths.length * asks });
          expect(judgePaths(paths, nodes.length * targets.length)).toPass();
        });
      }
    }
  },
);
