import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgeProbers, judgeTimes } from "#harness/judge/timing.ts";
import { kinds } from "#harness/kube/kube.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { found } from "#harness/lib/found.ts";
import { Scope } from "#harness/lib/scope.ts";
import { Traffics } from "#harness/measure/node-traffic.ts";
import { measurePropagation } from "#harness/measure/propagation.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn } from "#harness/testkit/fixture-types.ts";
import type { Waiting } from "#harness/testkit/within.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import { deployClients } from "#harness/workloads/vantage.ts";
import {
  backendChange,
  type Change,
  type ChangeContext,
  endpointChange,
  identityChange,
  policyChange,
  type ServerPod,
  serviceChange,
} from "./changes.ts";

/** Changes of each kind in one test: each is made and undone once. `--repeat` adds more. */
const rounds = 5;
/** Shorter than a second, after which a lost SYN would be sent again and could be answered. */
const requestMs = 250;
const quietMs = 300;

const changes: readonly (readonly [
  name: string,
  prepare: (ctx: ChangeContext) => Promise<Change>,
  spec: string,
])[] = [
  ["endpoint", endpointChange, "https://docs.cilium.io/en/v1.19/network/clustermesh/intro/"],
  ["identity", identityChange, "https://docs.cilium.io/en/v1.19/network/clustermesh/policy/"],
  ["policy", policyChange, "https://docs.cilium.io/en/v1.19/network/clustermesh/policy/"],
  ["service", serviceChange, "https://docs.cilium.io/en/v1.19/network/clustermesh/services/"],
  ["backend", backendChange, "https://docs.cilium.io/en/v1.19/network/clustermesh/services/"],
];

async function serversOf(
  cluster: Cluster,
  echo: EchoBackends,
  within: Waiting,
): Promise<readonly [ServerPod, ServerPod]> {
  const pods: ServerPod[] = [];
  for (const name of await echo.allPods([cluster], within)) {
    const pod = await cluster.kube.get(kinds.pod, echo.namespace, name);
    const what = `pod ${echo.namespace}/${name} in ${cluster.name}`;
    pods.push({
      name,
      ip: String(found(pod, what).status.podIP),
      node: String(found(pod, what).spec.nodeName),
    });
  }
  // The first one on a worker, if any is: faults of nodes and agents affect the last worker.
  pods.sort((a, b) => (a.node < b.node ? 1 : -1));
  return [found(pods[0], `backend in ${cluster.name}`), found(pods[1], `second backend in ${cluster.name}`)];
}

export default defineSuite(
  {
    name: "propagation",
    tags: ["lab-specific", "measurement", "extended"],
    when: "lab",
    order: 20,
    goal: "A change in one cluster reaches the traffic of every node of the others within the synchronisation budget.",
    method:
      "Changes an endpoint, an identity, a policy, a service and its backends in one cluster and undoes it again, while a client on every node of the other sends a request every 5 ms; counts from the moment at which the API server confirmed the change to the first or last answer.",
    failureMeans: "The path of a change: API server, clustermesh-apiserver, KVStoreMesh, agent, BPF map.",
    requires: ["clustermeshApiserver"],
    echo: { replicas: 2 },
    setup: async ({ mesh, echo, namespace, images, within }) => {
      await Promise.all(
        mesh.clusters.map((c) => deployClients(c, { namespace, image: images.prober }, within.settle)),
      );
      return echo;
    },
  },
  ({ pairs, test }) => {
    for (const pair of pairs)
      for (const [name, prepare, spec] of changes)
        test(`${pair.name} > ${name}: changes in ${pair.from.name} reach every node of ${pair.to.name}`, {
          spec,
          // Ten changes of an identity, each after a random delay of up to 30 s.
          timeoutMs: 900_000,
        }, async ({ mesh, echo, namespace, budgets, within, signal, historyFile, keepTiming, expect }) => {
          const { from, to } = pairIn(mesh, pair);
          const servers = await serversOf(from, echo, within.sync);
          await using scope = new Scope();
          const change = await prepare({ from, to, echo, namespace, servers, scope, signal });
          const withinMs = budgets.syncMs + (change.graceMs ?? 0);
          await using traffic = await Traffics.start(
            [
              {
                cluster: to,
                namespace,
                targets: change.targets,
                everyMs: budgets.probeEveryMs,
                timeoutMs: requestMs,
                clusterOf: echo.clusterOf,
                historyFile,
                signal,
              },
            ],
            { mesh, echo: [echo], signal },
          );
          const startedUnixMs = unixNowMs();
          const { observations, probers, histories, unsettled } = await measurePropagation({
            of: from,
            kind: change.kind,
            namespace,
            steps: change.steps,
            rounds,
            traffic,
            withinMs,
            quietMs,
            signal,
          });
          await keepTiming(
            { topic: "propagation", everyMs: budgets.probeEveryMs, observations, probers },
            echo,
          );
          const rig = judgeProbers(histories, mesh.state.plan.rig, startedUnixMs);
          const perRound = change.steps.flatMap((s) => [s.starts, s.ends]).filter((s) => s !== undefined);
          const times = judgeTimes(observations, {
            object: change.object,
            unsettled,
            withinMs,
            count: rounds * perRound.length * traffic.flows.length,
          });
          expect(rig.outcome === "pass" ? times : rig).toPass();
        });
  },
);
