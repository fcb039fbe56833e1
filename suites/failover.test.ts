// Goal: with affinity local, a service survives losing every backend of one cluster, and comes back.
// Method: open-loop probers at every vantage point, the main one with a new connection every 5 ms; scale one side to
// zero and back; judge the recorded histories against the budgets, and lay the chain of causes over the outage.
import { scaleToZeroFault } from "#harness/fault/scale.ts";
import { budgets } from "#harness/fixtures.ts";
import { scenarioTests, setUpScenarios } from "#harness/scenarios.ts";

const suite = setUpScenarios("failover", ["local"]);

scenarioTests(suite, {
  name: "scale to zero",
  affinity: "local",
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
