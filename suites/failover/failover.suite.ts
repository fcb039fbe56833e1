import { scaleToZero } from "#harness/measure/scenarios.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { scenarioSetup, scenarioTests } from "#harness/testkit/scenario-tests.ts";

export default defineSuite(
  {
    name: "failover",
    tags: ["core", "failover"],
    when: "core",
    order: 7,
    goal: "with affinity local, a service survives losing every backend of one cluster, and comes back.",
    method:
      "open-loop probers at every vantage point, the main one with a new connection every 5 ms; scale one side to zero and back; judge the recorded histories against the budgets, and lay the chain of causes over the outage.",
    failureMeans: "how long a change of backends takes to every client, link by link.",
    echo: { replicas: 2, heartbeats: true },
    setup: scenarioSetup(["local"]),
  },
  (kit) =>
    scenarioTests(kit, scaleToZero("local"), {
      spec: "https://docs.cilium.io/en/v1.19/network/clustermesh/affinity/",
    }),
);
