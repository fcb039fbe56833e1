import { judgeProbers, judgeTimes } from "#harness/judge/timing.ts";
import { Traffics } from "#harness/measure/node-traffic.ts";
import { measureRecovery } from "#harness/measure/recovery.ts";
import type { Observation } from "#harness/model/timing.ts";
import { combine, failedBecause, type Verdict } from "#harness/model/verdict.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { waitUntilServedBy } from "#harness/workloads/sampling.ts";

const service = "echo-local";
const requestMs = 1000;
const quietMs = 1000;
const holdMs = 8000;
/** All of it, by the guide; a twentieth is left for the moments at which an agent changes its maps. */
const leastShare = 0.95;

/** Whether the first replica has the load to itself, and answers it. */
function judgeLoad(
  observations: readonly Observation[],
  object: string,
  budgets: { readonly overloadMs: number; readonly lostRequests: number },
): Verdict {
  const reasons: string[] = [];
  for (const o of observations) {
    const say = (why: string): void => void reasons.push(`${o.at}: ${o.what}, ${object} of ${o.of}: ${why}`);
    if (o.value === null) say("no request was answered");
    else if (o.unit === "share" && o.value < leastShare)
      say(`${(o.value * 100).toFixed(1)} %, at least ${leastShare * 100} % are expected with affinity local`);
    else if (o.what.startsWith("latency p99") && o.value > budgets.overloadMs)
      say(`${o.value.toFixed(0)} ms, ${budgets.overloadMs} ms are allowed`);
    else if (o.unit === "requests" && o.value > budgets.lostRequests)
      say(`${o.value} requests, ${budgets.lostRequests} are allowed`);
  }
  return failedBecause(reasons);
}

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
          judgeLoad(observations, object, { overloadMs: budgets.overloadMs, lostRequests }),
        ]);
        expect(rig.outcome === "pass" ? verdict : rig).toPass();
      });
  },
);
