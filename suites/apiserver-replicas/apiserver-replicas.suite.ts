import { defineSuite } from "#harness/testkit/define-suite.ts";
import { learningTests, runTwoReplicas } from "./replica-tests.ts";

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
    setup: runTwoReplicas,
  },
  (kit) =>
    learningTests(kit, "either of its two clustermesh-apiservers is lost", ["removed", "killed", "removed"]),
);
