import { rollout } from "#harness/faults/catalogue/disruption.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { scenarioSetup, scenarioTests } from "#harness/testkit/scenario-tests.ts";

const affinities = ["local", "none"] as const;

export default defineSuite(
  {
    name: "failover-rollout-drain",
    tags: ["failover", "long", "extended"],
    when: "long",
    order: 4,
    goal: "A rolling restart whose pods drain first loses no request of clients in the same cluster.",
    method:
      "As in failover-rollout, with a preStop hook that keeps a pod serving for five seconds after it begins terminating: longer than the change takes to reach every client's BPF map. A single lost request fails the test.",
    failureMeans: "Agents that remove a terminating backend too late or too early.",
    echo: { replicas: 2, heartbeats: true, rolling: true, drainSeconds: 5 },
    setup: scenarioSetup(affinities),
  },
  (kit) => {
    for (const affinity of affinities)
      scenarioTests(kit, {
        name: "rolling restart with drain",
        affinity,
        directions: "both",
        horizon: "settleMs",
        inject: async ({ target, echo }) => rollout(target, echo.deploymentOf(target)),
        expected: ({ budgets }) => ({
          awayWithinMs: 0,
          // Other clusters keep choosing a draining pod until it stops serving, so the hook does not help their clients:
          // they lose what those of a rolling restart without drain do.
          othersWithinMs: affinity === "none" ? budgets.failoverMs : 0,
          backWithinMs: 0,
        }),
      });
  },
);
