import { defineSuite } from "#harness/testkit/define-suite.ts";
import { learningTests, runTwoReplicas } from "../apiserver-replicas/replica-tests.ts";

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
    setup: runTwoReplicas,
  },
  (kit) =>
    learningTests(kit, "one of its two clustermesh-apiservers restarts again and again", [
      "removed",
      "restarting",
    ]),
);
