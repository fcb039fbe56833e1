// Goal: what a rolling restart costs clients, when pods end at once.
// Method: restart a cluster's deployment, one pod after another, without a preStop hook; requests are lost between a
// pod's end and the BPF map's change. failover-rollout-drain is the same with the hook.
import { rollout } from "#harness/faults/catalogue/disruption.ts";
import { budgets } from "#harness/testkit/fixtures.ts";
import { scenarioTests, setUpScenarios } from "#harness/testkit/scenarios.ts";

const suite = setUpScenarios("failover-rollout", ["local", "none"], { rolling: true });

for (const affinity of ["local", "none"] as const)
  scenarioTests(suite, {
    name: "rolling restart without drain",
    affinity,
    directions: "alternating",
    horizonMs: budgets.settleMs,
    strike: async ({ struck, echo }) => rollout(struck, echo.deploymentOf(struck)),
    expected: () => ({ awayWithinMs: budgets.failoverMs, backWithinMs: budgets.failbackMs }),
  });
