import { rollingRestart } from "#harness/measure/scenarios.ts";
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
      "As in failover-rollout, with a preStop hook that keeps a pod serving for five seconds after it begins terminating: longer than the change takes to reach the BPF map of every client in the cluster. Then the pod is unready, and serves for five more, for the clients in other clusters. A single lost request fails the test.",
    failureMeans: "Agents that remove a terminating backend too late or too early.",
    echo: { replicas: 2, heartbeats: true, rolling: true, application: "drains" },
    setup: scenarioSetup(affinities),
  },
  (kit) => {
    for (const affinity of affinities)
      scenarioTests(
        kit,
        rollingRestart(affinity, "drains", ({ budgets }) => ({
          awayWithinMs: 0,
          // Other clusters choose a draining pod until it is unready, so the hook does not help their clients. They may
          // lose what those of a rolling restart without drain do, if the news of it takes longer than the pod serves.
          othersWithinMs: affinity === "none" ? budgets.failoverMs : 0,
          backWithinMs: 0,
        })),
      );
  },
);
