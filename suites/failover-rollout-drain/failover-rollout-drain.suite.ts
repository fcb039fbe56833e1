import { rollout } from "#harness/faults/catalogue/disruption.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { scenarioSetup, scenarioTests } from "#harness/testkit/scenario-tests.ts";

const affinities = ["local", "none"] as const;

export default defineSuite(
  {
    name: "failover-rollout-drain",
    tags: ["failover", "long"],
    when: "long",
    order: 4,
    goal: "a rolling restart whose pods drain first costs the clients of the same cluster nothing.",
    method:
      "as in failover-rollout, with a preStop hook that keeps a pod serving for five seconds after it was terminating: longer than the change takes to every client's BPF map. A single lost request fails.",
    failureMeans: "agents that take a terminating backend away too late, or too early.",
    echo: { replicas: 2, heartbeats: true, rolling: true, drainSeconds: 5 },
    setup: scenarioSetup(affinities),
  },
  (kit) => {
    for (const affinity of affinities)
      scenarioTests(kit, {
        name: "rolling restart with drain",
        affinity,
        directions: "alternating",
        horizon: "settleMs",
        inject: async ({ target, echo }) => rollout(target, echo.deploymentOf(target)),
        // Other clusters go on choosing a draining pod until it stops serving: no hook helps their clients. Measured only.
        expected: () => ({ awayWithinMs: 0, backWithinMs: 0 }),
      });
  },
);
