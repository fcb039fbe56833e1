import { everyAgentOf } from "#harness/cilium/agent/every-agent.ts";
import { judgePaths } from "#harness/judge/paths.ts";
import { judgeSizes } from "#harness/judge/sizes.ts";
import { askPaths } from "#harness/testkit/ask-paths.ts";
import { askSizes, smallestMtu, tcpSizes, udpSizes } from "#harness/testkit/ask-sizes.ts";
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
    method:
      "Sends several HTTP requests over TCP and several UDP datagrams, then full packets and 64 KiB; the right pod must answer each.",
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

      test(`${pair.name} > full packets and 64 KiB from every node to every node`, async ({
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
        const agents = await Promise.all([from, to].map((c) => everyAgentOf(c, signal)));
        const mtu = await smallestMtu(agents.flat());
        const paths = await askSizes(
          { cluster: from, vantages },
          targets.map(({ node, pod, ip }) => ({
            name: `${to.name}/${node} (${ip})`,
            host: ip,
            smallBody: pod,
          })),
          [
            { size: undefined, ask: { protocol: "http", port: echoHttpPort, path: "/hostname" } },
            ...tcpSizes(mtu, { port: echoHttpPort, path: "/echo?msg=", echoed: true }),
            ...udpSizes(mtu, { port: echoUdpPort, path: "echo ", echoed: true }),
          ],
          { timeoutMs: budgets.requestMs, signal },
        );
        keepFacts({ paths: vantages.length * targets.length, mtu });
        expect(judgeSizes(paths, vantages.length * targets.length)).toPass();
      });
    }
  },
);
