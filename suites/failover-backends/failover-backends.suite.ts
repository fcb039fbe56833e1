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
    tags: ["failover", "long", "nodes", "disruptive"],
    when: "long",
    order: 2,
    goal: "clients of a service get over backends that die, stop being ready, or go with their node.",
    method:
      "kill every echo process of one cluster, let its readiness probes fail, freeze its worker, stop it; measured as in failover. A node that goes without a word is noticed by the node lifecycle controller alone. Clients of the other cluster are measured and not judged then: where clustermesh-apiserver went with the node, nobody tells them.",
    failureMeans: "how long a change of backends takes to every client, link by link.",
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
