// Goal: a service survives losing every backend of one cluster, whichever side its clients prefer.
// Method: as in failover, with affinity remote, where the change must travel through the kvstore to the client's
// cluster, and with none, where half of the traffic has to move.
import { scaleToZeroFault } from "#harness/fault/scale.ts";
import { budgets } from "#harness/fixtures.ts";
import { scenarioTests, setUpScenarios } from "#harness/scenarios.ts";

const suite = setUpScenarios("failover-affinity", ["remote", "none"]);

for (const affinity of ["remote", "none"] as const)
  scenarioTests(suite, {
    name: "scale to zero",
    affinity,
    directions: "both",
    horizonMs: budgets.settleMs,
    strike: async ({ struck, echo }) => scaleToZeroFault(struck.kube, echo.deploymentOf(struck)),
    expected: ({ other }) => ({
      movesTo: other.name,
      awayWithinMs: budgets.failoverMs,
      backWithinMs: budgets.failbackMs,
      othersWithinMs: budgets.failoverMs,
    }),
  });
