import { judgePaths } from "#harness/judge/paths.ts";
import { askPaths } from "#harness/testkit/ask-paths.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn } from "#harness/testkit/fixture-types.ts";
import { echoHttpPort, echoUdpPort } from "#harness/workloads/echo.ts";
import { deployTargets, targetsOf } from "#harness/workloads/targets.ts";
import { everyVantageOf } from "#harness/workloads/vantage.ts";

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
          const vantages = await everyVantageOf(from.kube);
          const port = protocol === "http" ? echoHttpPort : echoUdpPort;
          const path = protocol === "http" ? "/hostname" : "hostname";
          const paths = await askPaths(
            from,
            vantages,
            targets.map(({ node, pod, ip }) => ({
              name: `${to.name}/${node} (${ip}:${port})`,
              pod,
              ask: { protocol, host: ip, port, path, count: asks },
            })),
            { timeoutMs: budgets.requestMs, signal },
          );
          keepFacts({ paths: paths.length, requests: paths.length * asks });
          expect(judgePaths(paths, vantages.length * targets.length)).toPass();
        });
      }
    }
  },
);
