// Goal: what clients see when a cluster, the way to it, or the control plane between clusters is lost.
// Method: freeze every node of a cluster; cut the tunnels, the ways to the clustermesh-apiservers, one direction; lose an
// apiserver and change its services; restart the agent under the client. Where Cilium keeps what it last knew
// (clustermesh.cacheTTL is 0), the outage lasts as long as the fault: it is measured, and the coming back is judged.
import type { Cluster } from "#harness/cluster/cluster.ts";
import {
  agentRestarted,
  changedWhileApiserverLost,
  nodesLost,
  partitioned,
} from "#harness/faults/catalogue/disruption.ts";
import { budgets } from "#harness/testkit/fixtures.ts";
import { scenarioTests, setUpScenarios } from "#harness/testkit/scenarios.ts";

const suite = setUpScenarios("failover-mesh", ["local", "remote", "none"]);
const allNodes = async (cluster: Cluster): Promise<string[]> => (await cluster.nodes()).map((n) => n.name);

for (const affinity of ["remote", "none"] as const)
  scenarioTests(suite, {
    name: "cluster lost",
    affinity,
    client: "other",
    directions: "alternating",
    lostNodes: allNodes,
    horizonMs: budgets.lossHorizonMs,
    holdMs: budgets.lossHorizonMs,
    strike: async ({ struck }) => nodesLost(struck, await allNodes(struck), "paused"),
    expected: () => ({ backWithinMs: budgets.rejoinMs }),
  });

for (const affinity of ["local", "remote"] as const) {
  for (const what of ["data", "one way"] as const)
    scenarioTests(suite, {
      name: `partition, ${what === "data" ? "data plane" : what}`,
      affinity,
      directions: "alternating",
      horizonMs: budgets.lossHorizonMs,
      holdMs: budgets.lossHorizonMs,
      strike: async ({ struck, other }) => partitioned(struck, other, what),
      expected: () => ({
        // Clients that prefer their own side have nothing to do with the other.
        ...(affinity === "local" ? { awayWithinMs: 0, othersWithinMs: 0 } : {}),
        backWithinMs: affinity === "local" ? 0 : budgets.rejoinMs,
      }),
    });
  scenarioTests(suite, {
    name: "partition, control plane",
    affinity,
    directions: "alternating",
    horizonMs: budgets.lossHorizonMs,
    holdMs: budgets.lossHorizonMs,
    strike: async ({ struck, other }) => partitioned(struck, other, "control"),
    expected: () => ({ awayWithinMs: 0, backWithinMs: 0, othersWithinMs: 0 }),
  });
}

scenarioTests(suite, {
  name: "change while clustermesh-apiserver is lost",
  affinity: "remote",
  directions: "alternating",
  horizonMs: budgets.lossHorizonMs,
  holdMs: budgets.lossHorizonMs,
  strike: async ({ struck, echo }) =>
    changedWhileApiserverLost(struck, echo.deploymentOf(struck), budgets.lossHorizonMs),
  expected: () => ({ backWithinMs: budgets.rejoinMs }),
});

for (const affinity of ["local", "remote"] as const)
  scenarioTests(suite, {
    name: "agent restart",
    affinity,
    directions: "alternating",
    horizonMs: budgets.settleMs,
    strike: async ({ client }) =>
      agentRestarted(client, (await client.nodes()).findLast((n) => n.role === "worker")!.name),
    expected: () => ({ awayWithinMs: 0, backWithinMs: 0, othersWithinMs: 0 }),
  });
