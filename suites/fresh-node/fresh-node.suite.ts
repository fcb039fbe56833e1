import { nodeRenewed } from "#harness/faults/catalogue/fresh-node.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { judgeProbers, judgeTimes } from "#harness/judge/timing.ts";
import { measureFreshNode, workerToRenew } from "#harness/measure/fresh-node.ts";
import type { FlowTarget } from "#harness/measure/node-traffic.ts";
import { combine, failedBecause } from "#harness/model/verdict.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { echoService } from "#harness/workloads/echo.ts";
import { waitUntilServedBy } from "#harness/workloads/sampling.ts";

const services = 3;
const everyMs = 10;
const requestMs = 250;
/** METHOD: nothing lost in the last five seconds. */
const quietMs = 5000;

const serviceOf = (cluster: string, i: number): string => `remote-of-${cluster}-${i}`;

export default defineSuite(
  {
    name: "fresh-node",
    tags: ["lab-specific", "measurement", "nodes", "disruptive", "extended"],
    when: "lab",
    order: 21,
    goal: "A node that joins without any state reaches the global services of the other clusters soon after it is Ready.",
    method:
      "Drains a worker, wipes Cilium's state, stops it, deletes its Node and CiliumNode, and starts it again; a pod that waits to be scheduled there sends requests to services with remote backends only from its first moment on.",
    failureMeans: "The first synchronisation of an agent with the other clusters.",
    requires: ["localNodes"],
    echo: { replicas: 2 },
    setup: async ({ mesh, echo, namespace, within }) => {
      for (const { name } of mesh.clusters)
        for (let i = 1; i <= services; i++)
          for (const c of mesh.clusters)
            await c.kube.apply(
              echoService({
                namespace,
                name: serviceOf(name, i),
                selector: { app: c.name === name ? "nobody" : echo.deploymentOf(c) },
                annotations: { [annotation.global]: "true" },
              }),
            );
      for (const cluster of mesh.clusters) {
        const by = mesh.clusters.filter((c) => c !== cluster);
        for (let i = 1; i <= services; i++)
          await waitUntilServedBy(cluster, { echo, service: serviceOf(cluster.name, i), by }, within.settle);
      }
    },
  },
  ({ clusters, test }) => {
    for (const { name } of clusters)
      test(`${name}: a new node of ${name} reaches every service with remote backends only`, {
        timeoutMs: 900_000,
        spec: "https://docs.cilium.io/en/v1.19/network/clustermesh/services/",
      }, async ({
        mesh,
        echo,
        namespace,
        images,
        budgets,
        within,
        signal,
        historyFile,
        keepTiming,
        expect,
      }) => {
        const cluster = mesh.cluster(name);
        const { node, holdsApiserver } = await workerToRenew(cluster);
        const targets: FlowTarget[] = [];
        for (let i = 1; i <= services; i++) {
          const service = serviceOf(name, i);
          targets.push({ name: service, host: await echo.clusterIp(cluster, service), port: 80 });
        }
        const measured = await measureFreshNode(
          {
            cluster,
            node,
            namespace,
            name: "new-pod",
            image: images.prober,
            targets,
            servers: await echo.allPods(
              mesh.clusters.filter((c) => c !== cluster),
              within.sync,
            ),
            everyMs,
            timeoutMs: requestMs,
            clusterOf: echo.clusterOf,
            historyFile,
            inject: () => injectFault(nodeRenewed(cluster, node), { mesh, namespace, signal }),
            withinMs: budgets.freshNodeMs,
            quietMs,
            round: 1,
            signal,
          },
          holdsApiserver,
        );
        const { observations, probers, histories, notServedAtEnd, healError } = measured;
        await keepTiming({ topic: "fresh-node", everyMs, observations, probers }, echo);
        if (healError !== undefined) throw healError;
        const rig = judgeProbers([...histories.values()], mesh.state.plan.rig, 0);
        const at = `new pod on node ${node} of ${name}`;
        const verdict = combine([
          judgeTimes(
            observations.filter((o) => o.unit === "ms"),
            {
              object: `${at} -> services ${targets.map((t) => `${t.name} (${t.host}:80)`).join(", ")}`,
              withinMs: budgets.freshNodeMs,
              count: 2 * services,
            },
          ),
          failedBecause(
            notServedAtEnd.map(
              (t) =>
                `${at} -> service ${t.name} (${t.host}:80): not every request of the last ${quietMs / 1000} s was answered`,
            ),
          ),
        ]);
        expect(rig.outcome === "pass" ? verdict : rig).toPass();
      });
  },
);
