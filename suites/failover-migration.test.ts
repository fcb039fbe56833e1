// Goal: a workload moves from one cluster to the other and back while its service is in use throughout (first seed).
// Method: backends in one cluster alone; start those of the other, wait until they are ready, end the first ones;
// measured as in failover, then all of it backwards.
import { migrated } from "#harness/faults/catalogue/disruption.ts";
import { scaleToZeroFault } from "#harness/faults/catalogue/scale.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { budgets, mesh } from "#harness/testkit/fixtures.ts";
import { scenarioTests, serviceOf, setUpScenarios } from "#harness/testkit/scenarios.ts";
import { settledOn } from "#harness/workloads/draw.ts";

const suite = setUpScenarios("failover-migration", ["none"]);

scenarioTests(suite, {
  name: "migration",
  affinity: "none",
  directions: "alternating",
  horizonMs: budgets.settleMs,
  async prepare({ struck, other, echo, signal }) {
    const gone = await injectFault(scaleToZeroFault(other.kube, echo.deploymentOf(other)), {
      mesh,
      namespace: echo.namespace,
      signal,
    });
    try {
      await settledOn(struck, echo, serviceOf("none"), [struck], { withinMs: budgets.settleMs, signal });
      return gone;
    } catch (error) {
      await gone.heal();
      throw error;
    }
  },
  strike: async ({ struck, other, echo }) =>
    migrated(struck, other, echo.deploymentOf(struck), echo.deploymentOf(other)),
  expected: ({ other }) => ({
    movesTo: [other.name],
    awayWithinMs: budgets.failoverMs,
    backWithinMs: budgets.failbackMs,
  }),
});
