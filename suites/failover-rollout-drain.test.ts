// Goal: a rolling restart whose pods drain first costs the clients of the same cluster nothing.
// Method: as in failover-rollout, with a preStop hook that keeps a pod serving for five seconds after it was told to
// end: longer than the change takes to every client's BPF map. A single lost request fails.
import { rollout } from "#harness/faults/catalogue/disruption.ts";
import { budgets } from "#harness/testkit/fixtures.ts";
import { scenarioTests, setUpScenarios } from "#harness/testkit/scenarios.ts";

const suite = setUpScenarios("failover-rollout-drain", ["local", "none"], {
  rolling: true,
  drainSeconds: 5,
});

for (const affinity of ["local", "none"] as const)
  scenarioTests(suite, {
    name: "rolling restart with drain",
    affinity,
    directions: "alternating",
    horizonMs: budgets.settleMs,
    strike: async ({ struck, echo }) => rollout(struck, echo.deploymentOf(struck)),
    // Other clusters go on choosing a draining pod until it stops serving: no hook helps their clients. Measured only.
    expected: () => ({ awayWithinMs: 0, backWithinMs: 0 }),
  });
