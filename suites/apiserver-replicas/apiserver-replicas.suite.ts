import { twoApiservers } from "#harness/faults/catalogue/disruption.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { learnsWithoutEither } from "./lost-replica.ts";

export default defineSuite(
  {
    name: "apiserver-replicas",
    tags: ["lab-specific", "kvstore", "disruptive"],
    when: "lab",
    order: 4,
    goal: "With two clustermesh-apiserver replicas in each cluster, losing one replica does not affect the other clusters.",
    method:
      "Runs two replicas with session affinity, as set by the chart; removes one, kills the processes of the other, and removes the first again, each time once both are ready; creates a workload pod in that cluster and waits until every agent of the other clusters has learned it, while the replica is still missing.",
    failureMeans: "The connection of agents and KVStoreMesh to the remaining replica.",
    requires: ["clustermeshApiserver", "localNodes"],
    setup: async ({ mesh, namespace, cleanup, within }) => {
      const { signal } = within;
      const doubled = await injectFault(twoApiservers(mesh.clusters), { mesh, namespace, signal });
      cleanup.defer("one clustermesh-apiserver in each cluster", () => doubled.heal());
    },
  },
  ({ pairs, test }) => {
    for (const pair of pairs) {
      const { from, to } = pair;
      // One way at a time: the KVStoreMesh that reads the other cluster is in the same pods.
      test(`${pair.name} > ${from.name} learns a new pod of ${to.name} while either of its two clustermesh-apiservers is lost`, async ({
        mesh,
        namespace,
        images,
        within,
        keepFacts,
        expect,
      }) => {
        const { verdict, facts } = await learnsWithoutEither({ mesh, namespace, images, within }, pair, [
          "removed",
          "killed",
          "removed",
        ]);
        keepFacts(facts);
        expect(verdict).toPass();
      });
    }
  },
);
