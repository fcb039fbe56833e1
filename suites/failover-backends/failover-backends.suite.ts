import type { Cluster } from "#harness/cluster/cluster.ts";
import { backendsKilled, nodesLost, readinessLost } from "#harness/faults/catalogue/disruption.ts";
import { lastWorkerOf, survivors } from "#harness/measure/scenarios.ts";
import { affinities } from "#harness/model/measurement.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { scenarioSetup, scenarioTests } from "#harness/testkit/scenario-tests.ts";

const workerOf = async (target: Cluster): Promise<string[]> => [await lastWorkerOf(target)];

export default defineSuite(
  {
    name: "failover-backends",
    tags: ["failover", "long", "extended", "nodes", "disruptive"],
    when: "long",
    order: 2,
    goal: "Clients of a service recover when backends crash, become unready, or are lost with their node.",
    method:
      "Kills every echo process of one cluster, makes its readiness probes fail, freezes its worker and stops it; measured as in failover. Only the node lifecycle controller notices the loss of a node. Clients of the other cluster are then measured but not judged: if clustermesh-apiserver was lost with the node, they receive no update.",
    failureMeans: "The time that a change of backends takes to reach every client, link by link.",
    requires: ["localNodes"],
    echo: { replicas: 2, heartbeats: true },
    setup: scenarioSetup(affinities),
  },
  (kit) => {
    for (const affinity of affinities) {
      scenarioTests(kit, {
        name: "backends killed",
        affinity,
        directions: "alternating",
        horizon: "settleMs",
        hold: "restartMs",
        inject: async ({ target }) => backendsKilled(target),
        expected: ({ budgets }) => ({
          awayWithinMs: budgets.restartMs,
          backWithinMs: budgets.failbackMs,
        }),
      });
      scenarioTests(kit, {
        name: "readiness lost",
        affinity,
        directions: "alternating",
        horizon: "settleMs",
        inject: async ({ target }) => readinessLost(target),
        expected: (roles) => ({
          movesTo: survivors(affinity, roles),
          // Until kubelet's probe fails, the backends answer.
          movesWithinMs: roles.budgets.settleMs,
          awayWithinMs: roles.budgets.failoverMs,
          backWithinMs: roles.budgets.failbackMs,
        }),
      });
    }

    for (const how of ["paused", "stopped"] as const)
      scenarioTests(kit, {
        name: `node ${how}`,
        affinity: "none",
        directions: "alternating",
        lostNodes: workerOf,
        horizon: "nodeLossMs",
        hold: "lossHorizonMs",
        inject: async ({ target }) => nodesLost(target, await workerOf(target), how),
        expected: ({ budgets }) => ({ awayWithinMs: budgets.nodeLossMs, backWithinMs: budgets.rejoinMs }),
      });
  },
);
