import { judgeLoad } from "#harness/judge/timed-suites.ts";
import { judgeProbers, judgeTimes } from "#harness/judge/timing.ts";
import { Traffics } from "#harness/measure/node-traffic.ts";
import { measureRecovery } from "#harness/measure/recovery.ts";
import { combine } from "#harness/model/verdict.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { waitUntilServedBy } from "#harness/workloads/sampling.ts";

const service = "echo-local";
const requestMs = 1000;
const quietMs = 1000;
const holdMs = 8000;
export default defineSuite(
  {
    name: "recovery-overload",
    tags: ["lab-specific", "measurement", "failover", "extended"],
    when: "lab",
    order: 22,
    goal: "With affinity local, the first local replica that returns serves its cluster's clients alone until the second does.",
    method:
      "Ends both replicas of a cluster, so that the others serve; starts one, later the other, while a client on every node of the cluster sends a request every 5 ms; counts answers and their latency by replica.",
    failureMeans: "The choice of backends while they return one by one.",
    echo: { replicas: 2 },
    setup: async ({ mesh, echo, within }) => {
      await echo.serve(service, { [annotation.global]: "true", [annotation.affinity]: "local" });
      for (const cluster of mesh.clusters)
        await waitUntilServedBy(cluster, { echo, service, by: [cluster] }, within.settle);
    },
  },
  ({ clusters, test }) => {
    for (const { name } of clusters)
      test(`${name}: the first local replica that returns serves alone`, {
        timeoutMs: 600_000,
        spec: "https://docs.cilium.io/en/v1.19/network/clustermesh/affinity/",
      }, async ({ mesh, echo, namespace, budgets, signal, historyFile, keepTiming, expect }) => {
        const cluster = mesh.cluster(name);
        const host = await echo.clusterIp(cluster, service);
        const everyMs = budgets.probeEveryMs;
        await using traffic = await Traffics.start(
          [
            {
              cluster,
              targets: () => [{ name: service, host, port: 80 }],
              everyMs,
              timeoutMs: requestMs,
              clusterOf: echo.clusterOf,
              historyFile,
              signal,
            },
          ],
          { mesh, echo: [echo], signal },
        );
        const measured = await measureRecovery({
          cluster,
          others: mesh.clusters.filter((c) => c !== cluster),
          echo,
          traffic,
          inject: { mesh, namespace, signal },
          holdMs,
          settleMs: budgets.settleMs,
          quietMs,
          signal,
        });
        const { observations, probers, histories, unsettled, startedUnixMs } = measured;
        await keepTiming({ topic: "recovery-overload", everyMs, observations, probers }, echo);
        const rig = judgeProbers([...histories.values()], mesh.state.plan.rig, startedUnixMs);
        const object = `service ${service} (${host}:80)`;
        const lostRequests = Math.floor(budgets.failbackMs / everyMs);
        const verdict = combine([
          judgeTimes(
            observations.filter((o) => o.what.startsWith("from ")),
            { object, withinMs: budgets.failbackMs, count: traffic.flows.length, unsettled },
          ),
          judgeLoad(observations, object, { latencyP99Ms: budgets.overloadMs, lostRequests }),
        ]);
        expect(rig.outcome === "pass" ? verdict : rig).toPass();
      });
  },
);
