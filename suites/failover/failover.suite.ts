import { scaleToZero } from "#harness/measure/scenarios.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { scenarioSetup, scenarioTests } from "#harness/testkit/scenario-tests.ts";

export default defineSuite(
  {
    name: "failover",
    tags: ["core", "failover"],
    when: "core",
    order: 7,
    goal: "With affinity local, a service survives losing every backend of one cluster, and traffic returns afterwards.",
    method:
      "Runs open-loop probers at every vantage point, the main one with a new connection every 5 ms; scales one cluster to zero and back; judges the recorded histories against the budgets, and attributes the outage to the links of the chain of causes.",
    failureMeans: "The time that a change of backends takes to reach every client, link by link.",
    echo: { replicas: 2, heartbeats: true },
    setup: scenarioSetup(["local"]),
  },
  (kit) =>
    scenarioTests(kit, scaleToZero("local"), {
      spec: "https://docs.cilium.io/en/v1.19/network/clustermesh/affinity/",
    }),
);
