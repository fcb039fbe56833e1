import { twoApiservers } from "#harness/faults/catalogue/disruption.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { learnsWithoutEither } from "../apiserver-replicas/lost-replica.ts";

export default defineSuite(
  {
    name: "apiserver-crash-loop",
    tags: ["lab-specific", "kvstore", "disruptive", "extended"],
    when: "lab",
    order: 4,
    goal: "With two clustermesh-apiserver replicas in each cluster, one that crashes again and again does not cut the other clusters off.",
    method:
      "Runs two replicas with session affinity, as set by the chart; removes one, so that every session is at the other; kills the processes of that one whenever kubelet starts them, while the first stands ready again; creates a workload pod in that cluster and waits until every agent of the other clusters has learned it.",
    failureMeans: "Session affinity: clients stay at a replica that is not ready.",
    requires: ["clustermeshApiserver", "localNodes", "singleApiserverAddress"],
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
      test(`${pair.name} > ${from.name} learns a new pod of ${to.name} while one of its two clustermesh-apiservers restarts again and again`, async ({
        mesh,
        namespace,
        images,
        within,
        keepFacts,
        expect,
      }) => {
        const { verdict, facts } = await learnsWithoutEither({ mesh, namespace, images, within }, pair, [
          "removed",
          "restarting",
        ]);
        keepFacts(facts);
        expect(verdict).toPass();
      });
    }
  },
);
