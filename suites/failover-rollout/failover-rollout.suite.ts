import { rollingRestart } from "#harness/measure/scenarios.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { scenarioSetup, scenarioTests } from "#harness/testkit/scenario-tests.ts";

const affinities = ["local", "none"] as const;

export default defineSuite(
  {
    name: "failover-rollout",
    tags: ["failover", "long", "extended"],
    when: "long",
    order: 3,
    goal: "Measures the requests that clients lose in a rolling restart whose pods end at once.",
    method:
      "Restarts a cluster's deployment, one pod after another; they exit on SIGTERM, without a preStop hook; requests are lost between the end of a pod and the change of the BPF map. failover-rollout-drain does the same with the hook.",
    failureMeans: "The time that a change of backends takes to reach every client, link by link.",
    echo: { replicas: 2, heartbeats: true, rolling: true },
    setup: scenarioSetup(affinities),
  },
  (kit) => {
    for (const affinity of affinities)
      scenarioTests(
        kit,
        rollingRestart(affinity, "exits", ({ budgets }) => ({
          awayWithinMs: budgets.failoverMs,
          // With affinity local, clients of the other cluster do not use these backends.
          othersWithinMs: affinity === "none" ? budgets.failoverMs : 0,
          backWithinMs: budgets.failbackMs,
        })),
      );
  },
);
