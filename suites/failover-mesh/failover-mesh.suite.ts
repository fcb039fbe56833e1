import type { Cluster } from "#harness/cluster/cluster.ts";
import {
  agentRestarted,
  changedWhileApiserverLost,
  nodesLost,
  partitioned,
} from "#harness/faults/catalogue/disruption.ts";
import { lastWorkerOf } from "#harness/measure/scenarios.ts";
import { affinities } from "#harness/model/measurement.ts";
import { defineSuite, type SuiteKit } from "#harness/testkit/define-suite.ts";
import { scenarioSetup, scenarioTests } from "#harness/testkit/scenario-tests.ts";

const allNodes = async (cluster: Cluster): Promise<string[]> => (await cluster.nodes()).map((n) => n.name);

function partitions<S>(kit: SuiteKit<S>, affinity: "local" | "remote"): void {
  for (const what of ["data", "one way"] as const)
    scenarioTests(kit, {
      name: `partition, ${what === "data" ? "data plane" : what}`,
      affinity,
      directions: "alternating",
      horizon: "lossHorizonMs",
      hold: "lossHorizonMs",
      inject: async ({ target, other }) => partitioned(target, other, what),
      expected: ({ budgets }) => ({
        // Clients with affinity local do not use the other cluster.
        ...(affinity === "local" ? { awayWithinMs: 0, othersWithinMs: 0 } : {}),
        backWithinMs: affinity === "local" ? 0 : budgets.rejoinMs,
      }),
    });
  scenarioTests(kit, {
    name: "partition, control plane",
    affinity,
    directions: "alternating",
    horizon: "lossHorizonMs",
    hold: "lossHorizonMs",
    inject: async ({ target, other }) => partitioned(target, other, "control"),
    expected: () => ({ awayWithinMs: 0, backWithinMs: 0, othersWithinMs: 0 }),
  });
}

export default defineSuite(
  {
    name: "failover-mesh",
    tags: ["failover", "long", "extended", "nodes", "disruptive"],
    when: "long",
    order: 6,
    goal: "Measures the effect on clients of losing a cluster, the network path to it, or the control plane between clusters.",
    method:
      "Freezes every node of a cluster; blocks the tunnels, the connections to the clustermesh-apiservers, or one direction; stops an apiserver and changes its services; restarts the agent on the client's node. If Cilium keeps its last data (clustermesh.cacheTTL is 0), the outage lasts as long as the fault: it is measured, and only the recovery is judged.",
    failureMeans:
      "The behaviour of agents that receive no data from the other cluster, and how they catch up.",
    requires: ["localNodes"],
    echo: { replicas: 2, heartbeats: true },
    setup: scenarioSetup(affinities),
  },
  (kit) => {
    for (const affinity of ["remote", "none"] as const)
      scenarioTests(kit, {
        name: "cluster lost",
        affinity,
        client: "other",
        directions: "alternating",
        lostNodes: allNodes,
        horizon: "lossHorizonMs",
        hold: "lossHorizonMs",
        inject: async ({ target }) => nodesLost(target, await allNodes(target), "paused"),
        expected: ({ budgets }) => ({ backWithinMs: budgets.rejoinMs }),
      });

    for (const affinity of ["local", "remote"] as const) partitions(kit, affinity);

    scenarioTests(
      kit,
      {
        name: "change while clustermesh-apiserver is lost",
        affinity: "remote",
        directions: "alternating",
        horizon: "lossHorizonMs",
        hold: "lossHorizonMs",
        inject: async ({ target, echo, budgets }) =>
          changedWhileApiserverLost(target, echo.deploymentOf(target), budgets.lossHorizonMs),
        expected: ({ budgets }) => ({ backWithinMs: budgets.rejoinMs }),
      },
      { requires: ["clustermeshApiserver"] },
    );

    for (const affinity of ["local", "remote"] as const)
      scenarioTests(kit, {
        name: "agent restart",
        affinity,
        directions: "alternating",
        horizon: "settleMs",
        inject: async ({ client }) => agentRestarted(client, await lastWorkerOf(client)),
        expected: () => ({ awayWithinMs: 0, backWithinMs: 0, othersWithinMs: 0 }),
      });
  },
);
