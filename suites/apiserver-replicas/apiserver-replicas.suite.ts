import { twoApiservers } from "#harness/faults/catalogue/disruption.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { bothWays } from "#harness/testkit/both-ways.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { killed, learnsWithout, removed } from "./lost-replica.ts";

export default defineSuite(
  {
    name: "apiserver-replicas",
    tags: ["lab-specific", "kvstore", "disruptive"],
    when: "lab",
    order: 4,
    goal: "With two clustermesh-apiserver replicas in each cluster, losing one replica does not affect the other clusters.",
    method:
      "Runs two replicas with session affinity, as set by the chart; removes each in turn, then kills each in turn; creates a workload pod in that cluster and waits until every agent of the other clusters has learned it, while the replica is still missing.",
    failureMeans: "The connection of agents and KVStoreMesh to the remaining replica.",
    requires: ["clustermeshApiserver"],
    setup: async ({ mesh, namespace, cleanup, within }) => {
      const { signal } = within;
      const doubled = await injectFault(twoApiservers(mesh.clusters), { mesh, namespace, signal });
      cleanup.defer("one clustermesh-apiserver in each cluster", () => doubled.heal());
    },
  },
  ({ pairs, test }) => {
    for (const [how, lose] of [
      ["removed", removed],
      ["killed", killed],
    ] as const) {
      // Replicas of different clusters: both ways are tested at once.
      const finding = bothWays(pairs, learnsWithout(lose, how));
      for (const pair of pairs) {
        const { from, to } = pair;
        test(`${pair.name} > ${from.name} learns a new pod of ${to.name} while either of its two clustermesh-apiservers is ${how}`, {
          requires: how === "killed" ? [{ capability: "localNodes", cluster: to.name }] : [],
        }, async ({ mesh, namespace, images, within, keepFacts, expect }) => {
          const { verdict, facts } = await finding({ mesh, namespace, images, within }, pair);
          keepFacts(facts);
          expect(verdict).toPass();
        });
      }
    }
  },
);
