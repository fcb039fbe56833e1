// Goal: clients of a service get over backends that die, stop being ready, or go with their node.
// Method: kill every echo process of one cluster, let its readiness probes fail, freeze its worker, stop it; measured as
// in failover. A node that goes without a word is noticed by the node lifecycle controller alone. Clients of the other
// cluster are measured and not judged then: where clustermesh-apiserver went with the node, nobody tells them.
import { backendsKilled, nodesLost, readinessLost } from "#harness/faults/catalogue/disruption.ts";
import { budgets } from "#harness/testkit/fixtures.ts";
import { type Roles, scenarioTests, setUpScenarios, survivors } from "#harness/testkit/scenarios.ts";

const suite = setUpScenarios("failover-backends", ["local", "remote", "none"]);

for (const affinity of ["local", "remote", "none"] as const) {
  scenarioTests(suite, {
    name: "backends killed",
    affinity,
    directions: "alternating",
    horizonMs: budgets.settleMs,
    holdMs: budgets.restartMs,
    strike: async ({ struck }) => backendsKilled(struck),
    expected: () => ({
      awayWithinMs: budgets.restartMs,
      backWithinMs: budgets.failbackMs,
    }),
  });
  scenarioTests(suite, {
    name: "readiness lost",
    affinity,
    directions: "alternating",
    horizonMs: budgets.settleMs,
    strike: async ({ struck }) => readinessLost(struck),
    expected: (roles) => ({
      movesTo: survivors(affinity, roles),
      awayWithinMs: budgets.failoverMs,
      backWithinMs: budgets.failbackMs,
    }),
  });
}

const workerOf = async (struck: Roles["struck"]): Promise<string[]> => [
  (await struck.nodes()).findLast((n) => n.role === "worker")!.name,
];

for (const how of ["paused", "stopped"] as const)
  scenarioTests(suite, {
    name: `node ${how}`,
    affinity: "none",
    directions: "alternating",
    lostNodes: workerOf,
    horizonMs: budgets.nodeLossMs,
    holdMs: budgets.lossHorizonMs,
    strike: async ({ struck }) => nodesLost(struck, await workerOf(struck), how),
    expected: () => ({ awayWithinMs: budgets.nodeLossMs, backWithinMs: budgets.rejoinMs }),
  });
