import { scaleToZero } from "#harness/measure/scenarios.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { scenarioSetup, scenarioTests } from "#harness/testkit/scenario-tests.ts";

const affinities = ["remote", "none"] as const;

export default defineSuite(
  {
    name: "failover-affinity",
    tags: ["failover", "long"],
    when: "long",
    order: 1,
    goal: "a service survives losing every backend of one cluster, whichever side its clients prefer.",
    method:
      "as in failover, with affinity remote, where the change must travel through the kvstore to the client's cluster, and with none, where half of the traffic has to move.",
    failureMeans: "how long a change of backends takes to every client, link by link.",
    echo: { replicas: 2, heartbeats: true },
    setup: scenarioSetup(affinities),
  },
  (kit) => {
    for (const affinity of affinities) scenarioTests(kit, scaleToZero(affinity));
  },
);
