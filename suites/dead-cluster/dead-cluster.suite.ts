import type { Cluster } from "#harness/cluster/cluster.ts";
import { cacheTtlSet } from "#harness/faults/catalogue/cache-ttl.ts";
import { nodesLost } from "#harness/faults/catalogue/disruption.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { deadWatchMs, judgeDead } from "#harness/judge/timed-suites.ts";
import { judgeProbers, judgeTimes } from "#harness/judge/timing.ts";
import { parseCidr } from "#harness/lib/cidr.ts";
import { durationMs } from "#harness/lib/duration.ts";
import { found } from "#harness/lib/found.ts";
import { measureDeadCluster } from "#harness/measure/dead-cluster.ts";
import { type Flow, type FlowTarget, Traffics } from "#harness/measure/node-traffic.ts";
import { type Affinity, affinities } from "#harness/model/measurement.ts";
import { combine, failedBecause } from "#harness/model/verdict.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn } from "#harness/testkit/fixture-types.ts";
import type { Waiting } from "#harness/testkit/within.ts";
import { servingClusters } from "#harness/workloads/affinity.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import { waitUntilServedBy } from "#harness/workloads/sampling.ts";

/** `0s` is the default: what is known of a lost cluster never expires. */
const cacheTtls = ["0s", "30s"] as const;
const everyMs = 20;
const requestMs = 1000;
/** METHOD: nothing lost in the last five seconds. */
const quietMs = 5000;

const serviceOf = (affinity: Affinity): string => `echo-${affinity}`;
const affinityOf = ({ target }: Flow): Affinity =>
  found(
    affinities.find((a) => serviceOf(a) === target.name),
    `affinity of service ${target.name}`,
  );

/**
 * The nodes of a cluster, the highest address first: undo steps run in reverse order, and Docker gives a container that
 * starts the lowest free address, so each gets its own again.
 */
async function nodesOf(cluster: Cluster): Promise<string[]> {
  const nodes = (await cluster.nodes()).map(({ name, address }) => ({
    name,
    at: parseCidr(`${address}/32`).first,
  }));
  return nodes.sort((a, b) => (a.at < b.at ? 1 : -1)).map(({ name }) => name);
}

async function podsBy(
  echo: EchoBackends,
  clusters: readonly Cluster[],
  within: Waiting,
): Promise<Map<string, string[]>> {
  const pods = new Map<string, string[]>();
  for (const c of clusters) pods.set(c.name, await echo.allPods([c], within));
  return pods;
}

export default defineSuite(
  {
    name: "dead-cluster",
    tags: ["lab-specific", "measurement", "nodes", "disruptive", "extended"],
    when: "lab",
    order: 23,
    goal: "Clients are sent to a cluster that died until clustermesh.cacheTTL has passed, and for ever without it; never with affinity local.",
    method:
      "Stops every node of a cluster, with cacheTTL 0s and 30s, while clients on every node of another use services with affinity local, remote and none; the last lost request ends the time.",
    failureMeans: "The expiry of data about an unreachable cluster in KVStoreMesh and agents.",
    requires: ["localNodes", "clustermeshApiserver", "cilium>=1.19"],
    echo: { replicas: 2 },
    setup: async ({ mesh, echo, within }) => {
      for (const affinity of affinities) {
        await echo.serve(serviceOf(affinity), {
          [annotation.global]: "true",
          ...(affinity === "none" ? {} : { [annotation.affinity]: affinity }),
        });
        for (const cluster of mesh.clusters) {
          const by = servingClusters(affinity, cluster, mesh.clusters);
          await waitUntilServedBy(cluster, { echo, service: serviceOf(affinity), by }, within.settle);
        }
      }
    },
  },
  ({ pairs, test }) => {
    for (const pair of pairs)
      for (const cacheTtl of cacheTtls)
        test(`${pair.name} > clients of ${pair.from.name} while ${pair.to.name} is dead, cacheTTL ${cacheTtl}`, {
          timeoutMs: 1_500_000,
          spec: "https://docs.cilium.io/en/v1.20/network/clustermesh/global-services/",
        }, async ({ mesh, echo, namespace, budgets, within, signal, historyFile, keepTiming, expect }) => {
          const { from, to } = pairIn(mesh, pair);
          const living = mesh.clusters.filter((c) => c !== to);
          await using _ttl = await injectFault(cacheTtlSet(living, cacheTtl), { mesh, namespace, signal });
          const pods = await podsBy(echo, mesh.clusters, within.sync);
          const servers = (affinity: Affinity, having: readonly Cluster[]): readonly string[] =>
            servingClusters(affinity, from, having).flatMap((c) =>
              found(pods.get(c.name), `backends of ${c.name}`),
            );
          const targets: FlowTarget[] = [];
          for (const a of affinities) {
            const name = serviceOf(a);
            targets.push({ name, host: await echo.clusterIp(from, name), port: 80 });
          }
          const { clusterOf } = echo;
          await using traffic = await Traffics.start(
            [
              {
                cluster: from,
                targets: () => targets,
                everyMs,
                timeoutMs: requestMs,
                clusterOf,
                historyFile,
                signal,
              },
            ],
            { mesh, echo: [echo], signal },
          );
          const nodes = await nodesOf(to);
          const watchMs = deadWatchMs(durationMs(cacheTtl) ?? 0, budgets);
          const expires = cacheTtl !== "0s";
          const measured = await measureDeadCluster(
            {
              traffic,
              dead: to.name,
              pods: (flow) => ({
                before: servers(affinityOf(flow), mesh.clusters),
                after: servers(affinityOf(flow), living),
              }),
              affinityOf,
              cacheTtl,
              kill: () => injectFault(nodesLost(to, nodes, "stopped"), { mesh, namespace, signal }),
              watchMs,
              endsWhenServed: expires,
              settleMs: budgets.settleMs,
              rejoinMs: budgets.rejoinMs,
              quietMs,
            },
            signal,
          );
          const { observations, probers, histories, unsettled, notBack, startedUnixMs, healError } = measured;
          await keepTiming({ topic: "dead-cluster", everyMs, observations, probers }, echo);
          if (healError !== undefined) throw healError;
          const rig = judgeProbers([...histories.values()], mesh.state.plan.rig, startedUnixMs);
          const object = `services ${targets.map((t) => `${t.name} (${t.host}:80)`).join(", ")}`;
          const verdict = combine([
            judgeTimes(
              observations.filter((o) => o.unit === "ms" && o.value !== null),
              { object, withinMs: Number.POSITIVE_INFINITY, count: 1, unsettled },
            ),
            judgeDead(observations, { expires, object, withinMs: watchMs }),
            failedBecause(notBack.map((at) => `${at}: not served as before after ${to.name} returned`)),
          ]);
          expect(rig.outcome === "pass" ? verdict : rig).toPass();
        });
  },
);
