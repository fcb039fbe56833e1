import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { judgePaths } from "#harness/judge/paths.ts";
import { kinds } from "#harness/kube/kube.ts";
import { failedBecause } from "#harness/model/verdict.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { judgeAnsweredBy } from "#harness/testkit/answered-by.ts";
import { askPaths } from "#harness/testkit/ask-paths.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn } from "#harness/testkit/fixture-types.ts";
import { echoHttpPort, echoService, echoUdpPort } from "#harness/workloads/echo.ts";
import { deployTargets, targetsOf } from "#harness/workloads/targets.ts";
import { everyVantageOf } from "#harness/workloads/vantage.ts";

const asks = 3;
const service = "echo-dual";

async function clusterIp6(cluster: Cluster, namespace: string): Promise<string> {
  const object = await cluster.kube.get(kinds.service, namespace, service);
  const ips = (object?.spec.clusterIPs ?? []) as string[];
  const found = ips.find((ip) => ip.includes(":"));
  if (found === undefined)
    throw new Error(`service ${service} of ${cluster.name} has no IPv6 address: ${ips}`);
  return found;
}

export default defineSuite(
  {
    name: "dual-stack",
    tags: ["lab-specific", "services", "nodes"],
    when: "lab",
    order: 10,
    goal: "In dual-stack clusters, pods and global services are also reachable across clusters over IPv6.",
    method:
      "Sends TCP and UDP from every node to the IPv6 address of a pod on every node; then requests to the IPv6 ClusterIP of a dual-stack global service, which the backends of every cluster and no others must answer.",
    failureMeans: "IPv6 between the nodes, or the IPv6 part of the service data that clusters exchange.",
    requires: ["dualStack"],
    echo: { replicas: 2, patient: true },
    setup: async ({ mesh, echo, namespace, images, within }) => {
      for (const cluster of mesh.clusters) {
        const object = echoService({
          namespace,
          name: service,
          selector: { app: echo.deploymentOf(cluster) },
          annotations: { [annotation.global]: "true" },
        });
        object.spec.ipFamilyPolicy = "RequireDualStack";
        await cluster.kube.apply(object);
      }
      await deployTargets(mesh.clusters, { namespace, image: images.agnhost, ...within.settle });
    },
  },
  ({ pairs, test }) => {
    for (const pair of pairs) {
      const { from, to } = pair;

      test(`${pair.name} > the pods of ${to.name} answer over IPv6 from every node of ${from.name}, TCP and UDP`, async ({
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
        const without = targets.filter((t) => t.ip6 === undefined).map((t) => `${t.pod} has no IPv6 address`);
        expect(failedBecause(without)).toPass();
        const vantages = await everyVantageOf(from.kube);
        const spec = targets.flatMap(({ node, pod, ip6: host = "" }) =>
          (
            [
              { protocol: "http", host, port: echoHttpPort, path: "/hostname", count: asks },
              { protocol: "udp", host, port: echoUdpPort, path: "hostname", count: asks },
            ] as const
          ).map((ask) => ({
            name: `${to.name}/${node} ([${host}]:${ask.port}/${ask.protocol})`,
            pod,
            ask,
          })),
        );
        const paths = await askPaths(from, vantages, spec, { timeoutMs: budgets.requestMs, signal });
        keepFacts({ paths: paths.length, requests: paths.length * asks });
        expect(judgePaths(paths, 2 * vantages.length * targets.length)).toPass();
      });

      test(`${pair.name} > a global service is answered over IPv6 in ${from.name} by the backends of ${to.name} too`, async ({
        mesh,
        echo,
        namespace,
        budgets,
        within,
        signal,
        keepFacts,
        expect,
      }) => {
        const { from } = pairIn(mesh, pair);
        const expected = await echo.allPods(mesh.clusters, within.sync);
        const ip = await clusterIp6(from, namespace);
        const verdict = await judgedInTime(
          () =>
            judgeAnsweredBy(
              from,
              {
                what: `${from.name} -> service ${service} ([${ip}]), backends that answered`,
                ip,
                pods: expected,
              },
              { timeoutMs: budgets.requestMs, signal },
            ),
          { what: `${service} to answer over IPv6 in ${from.name}`, everyMs: 500, ...within.sync },
        );
        keepFacts({ address: ip, backends: expected.length });
        expect(verdict).toPass();
      });
    }
  },
);
