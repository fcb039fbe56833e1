import type { Cluster } from "#harness/cluster/cluster.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { judgeNothingLost } from "#harness/judge/timed-suites.ts";
import { judgeProbers, judgeTimes } from "#harness/judge/timing.ts";
import { found } from "#harness/lib/found.ts";
import { measureMembership } from "#harness/measure/membership.ts";
import { type Flow, Traffics } from "#harness/measure/node-traffic.ts";
import { combine } from "#harness/model/verdict.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { echoService } from "#harness/workloads/echo.ts";
import { EchoBackends } from "#harness/workloads/echo-service.ts";
import { waitUntilServedBy } from "#harness/workloads/sampling.ts";

/** Served by the two clusters that stay, each for the other's clients. */
const between = "between";
/** Served by the member only. */
const ofMember = "of-member";
const everyMs = 20;
const requestMs = 1000;
const quietMs = 2000;
const holdMs = 10_000;
const replicas = 2;

function rolesIn({ clusters }: Mesh): { readonly stay: readonly Cluster[]; readonly member: Cluster } {
  return { stay: clusters.slice(0, 2), member: found(clusters[2], "third cluster in the mesh") };
}

export default defineSuite(
  {
    name: "membership",
    tags: ["lab-specific", "measurement", "disruptive", "extended"],
    when: "lab",
    order: 24,
    goal: "A cluster leaves the mesh and joins it again without a lost request between the others.",
    method:
      "Removes the third cluster from the Helm values of every cluster and adds it again, while clients on every node of the other two use one another's backends and those of the third; counts from the moment at which Helm returned.",
    failureMeans:
      "What clustermesh-apiserver, KVStoreMesh and agents do when their list of clusters changes.",
    requires: ["thirdCluster"],
    setup: async ({ mesh, namespace, images, within }) => {
      const { stay, member } = rolesIn(mesh);
      const options = { namespace, image: images.agnhost, replicas, ...within.settle };
      const [two, one] = await Promise.all([
        EchoBackends.deploy(stay, options),
        EchoBackends.deploy([member], options),
      ]);
      await two.serve(between, { [annotation.global]: "true", [annotation.affinity]: "remote" });
      for (const c of mesh.clusters)
        await c.kube.apply(
          echoService({
            namespace,
            name: ofMember,
            selector: { app: c === member ? one.deploymentOf(member) : "nobody" },
            annotations: { [annotation.global]: "true" },
          }),
        );
      for (const c of stay) {
        const others = stay.filter((o) => o !== c);
        await waitUntilServedBy(c, { echo: two, service: between, by: others }, within.settle);
        await waitUntilServedBy(c, { echo: one, service: ofMember, by: [member] }, within.settle);
      }
      return { two, one };
    },
  },
  ({ clusters, test }) => {
    const name = clusters[2]?.name ?? "a third cluster";
    test(`${name} leaves the mesh and joins it again under traffic of the others`, {
      timeoutMs: 1_200_000,
      spec: "https://docs.cilium.io/en/v1.19/network/clustermesh/clustermesh/",
    }, async ({ mesh, setup, budgets, within, signal, historyFile, keepTiming, expect }) => {
      const { stay, member } = rolesIn(mesh);
      const { two, one } = setup;
      const podsOfPeer = new Map<string, readonly string[]>();
      for (const c of stay) {
        const peers = stay.filter((o) => o !== c);
        podsOfPeer.set(c.name, await two.allPods(peers, within.sync));
      }
      const traffics = await Promise.all(
        stay.map(async (cluster) => {
          const targets = [
            { name: between, host: await two.clusterIp(cluster, between), port: 80 },
            { name: ofMember, host: await one.clusterIp(cluster, ofMember), port: 80 },
          ];
          const clusterOf = (pod: string): string | undefined => two.clusterOf(pod) ?? one.clusterOf(pod);
          return {
            cluster,
            targets: () => targets,
            everyMs,
            timeoutMs: requestMs,
            clusterOf,
            historyFile,
            signal,
          };
        }),
      );
      await using traffic = await Traffics.start(traffics, { mesh, echo: [two, one], signal });
      const { observations, probers, histories, unsettled, startedUnixMs } = await measureMembership({
        mesh,
        member,
        service: ofMember,
        pods: await one.allPods([member], within.sync),
        podsOf: (flow: Flow) => found(podsOfPeer.get(flow.cluster), `peer of ${flow.cluster}`),
        traffic,
        settleMs: budgets.settleMs,
        withinMs: budgets.memberMs,
        quietMs,
        holdMs,
        signal,
      });
      await keepTiming({ topic: "membership", everyMs, observations, probers }, two);
      const rig = judgeProbers([...histories.values()], mesh.state.plan.rig, startedUnixMs);
      const times = judgeTimes(
        observations.filter((o) => o.unit === "ms"),
        {
          object: `services ${ofMember} and ${between}`,
          withinMs: budgets.memberMs,
          count: 2 * traffic.to(ofMember).length,
          unsettled,
        },
      );
      expect(
        rig.outcome === "pass" ? combine([times, judgeNothingLost(observations, `service ${between}`)]) : rig,
      ).toPass();
    });
  },
);
