import { scaleToZero } from "#harness/measure/scenarios.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { scenarioSetup, scenarioTests } from "#harness/testkit/scenario-tests.ts";

const affinities = ["remote", "none"] as const;

export default defineSuite(
  {
    name: "failover-affinity",
    tags: ["failover", "long", "extended"],
    when: "long",
    order: 1,
    goal: "A service survives losing every backend of one cluster, for every affinity of its clients.",
    method:
      "As in failover, with affinity remote, where the change reaches the client's cluster through the kvstore, and with none, where half of the traffic moves.",
    failureMeans: "The time that a change of backends takes to reach every client, link by link.",
    echo: { replicas: 2, heartbeats: true },
    setup: scenarioSetup(affinities),
  },
  (kit) => {
    for (const affinity of affinities) scenarioTests(kit, scaleToZero(affinity));
  },
);
