import { migrated } from "#harness/faults/catalogue/disruption.ts";
import { scaleToZeroFault } from "#harness/faults/catalogue/scale.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { serviceOf } from "#harness/measure/scenarios.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { scenarioSetup, scenarioTests } from "#harness/testkit/scenario-tests.ts";
import { waitUntilServedBy } from "#harness/workloads/sampling.ts";

export default defineSuite(
  {
    name: "failover-migration",
    tags: ["failover", "long", "extended"],
    when: "long",
    order: 5,
    goal: "A workload moves from one cluster to the other and back while its service is in use (seed 001).",
    method:
      "Starts with backends in one cluster only; starts those of the other, waits until they are ready, and stops the first ones; measured as in failover, then in reverse.",
    failureMeans: "The time that a change of backends takes to reach every client, link by link.",
    echo: { replicas: 2, heartbeats: true },
    setup: scenarioSetup(["none"]),
  },
  (kit) =>
    scenarioTests(kit, {
      name: "migration",
      affinity: "none",
      directions: "alternating",
      horizon: "settleMs",
      async prepare({ mesh, budgets, target, other, echo, signal }) {
        const context = { mesh, namespace: echo.namespace, signal };
        const gone = await injectFault(scaleToZeroFault(other.kube, echo.deploymentOf(other)), context);
        try {
          const within = { withinMs: budgets.settleMs, signal };
          await waitUntilServedBy(target, { echo, service: serviceOf("none"), by: [target] }, within);
          return gone;
        } catch (error) {
          await gone.heal();
          throw error;
        }
      },
      inject: async ({ target, other, echo }) =>
        migrated(target, other, echo.deploymentOf(target), echo.deploymentOf(other)),
      expected: ({ other, budgets }) => ({
        movesTo: [other.name],
        // Backends of the other cluster start after the injection begins.
        movesWithinMs: budgets.settleMs,
        awayWithinMs: budgets.failoverMs,
        backWithinMs: budgets.failbackMs,
      }),
    }),
);
