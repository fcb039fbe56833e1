import type { Cluster } from "#harness/cluster/cluster.ts";
import {
  agentRestarted,
  changedWhileApiserverLost,
  nodesLost,
  partitioned,
} from "#harness/faults/catalogue/disruption.ts";
import { lastWorkerOf } from "#harness/measure/scenarios.ts";
import type { ShareRange } from "#harness/model/loss-record.ts";
import { affinities } from "#harness/model/measurement.ts";
import { defineSuite, type SuiteKit } from "#harness/testkit/define-suite.ts";
import { scenarioSetup, scenarioTests } from "#harness/testkit/scenario-tests.ts";

const allNodes = async (cluster: Cluster): Promise<string[]> => (await cluster.nodes()).map((n) => n.name);

/**
 * With `clustermesh.cacheTTL` 0, and before a lost connection is noticed, clients keep the last data of a cluster that they
 * cannot reach: every request to its backends is lost until it is back.
 */
const all: ShareRange = [0.99, 1];
/** With affinity none, half of the requests go there: more or less by chance. */
const half: ShareRange = [0.25, 0.75];
const keptData = { spec: "https://docs.cilium.io/en/v1.20/helm-reference/" } as const;

function partitions<S>(kit: SuiteKit<S>, affinity: "local" | "remote"): void {
  for (const what of ["data", "one way"] as const)
    scenarioTests(
      kit,
      {
        name: `partition, ${what === "data" ? "data plane" : what}`,
        affinity,
        // A partition has two sides; only the one-way one has a direction.
        directions: what === "data" ? "alternating" : "both",
        horizon: "lossHorizonMs",
        hold: "lossHorizonMs",
        inject: async ({ target, other }) => partitioned(target, other, what),
        expected: ({ budgets }) => ({
          // Clients with affinity local do not use the other cluster. With remote, those of each cluster use the other.
          ...(affinity === "local"
            ? { awayWithinMs: 0, othersWithinMs: 0 }
            : { lostAtEnd: all, othersLostAtEnd: all }),
          backWithinMs: affinity === "local" ? 0 : budgets.rejoinMs,
        }),
      },
      affinity === "remote" ? keptData : {},
    );
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
      "Freezes every node of a cluster; blocks the tunnels, the connections to the clustermesh-apiservers, or one direction; stops an apiserver and changes its services; restarts the agent on the client's node. If Cilium keeps its last data (clustermesh.cacheTTL is 0), the outage lasts as long as the fault: just before the fault is removed, the share of requests that is lost must be the one that follows from the affinity, and then clients must recover.",
    failureMeans:
      "The behaviour of agents that receive no data from the other cluster, and how they catch up.",
    requires: ["localNodes"],
    echo: { replicas: 2, heartbeats: true },
    setup: scenarioSetup(affinities),
  },
  (kit) => {
    for (const affinity of ["remote", "none"] as const)
      scenarioTests(
        kit,
        {
          name: "cluster lost",
          affinity,
          client: "other",
          directions: "both",
          lostNodes: allNodes,
          horizon: "lossHorizonMs",
          hold: "lossHorizonMs",
          inject: async ({ target }) => nodesLost(target, await allNodes(target), "paused"),
          expected: ({ budgets }) => ({
            lostAtEnd: affinity === "remote" ? all : half,
            backWithinMs: budgets.rejoinMs,
          }),
        },
        keptData,
      );

    for (const affinity of ["local", "remote"] as const) partitions(kit, affinity);

    scenarioTests(
      kit,
      {
        name: "change while clustermesh-apiserver is lost",
        affinity: "remote",
        directions: "both",
        horizon: "lossHorizonMs",
        hold: "lossHorizonMs",
        inject: async ({ target, echo, budgets }) =>
          changedWhileApiserverLost(target, echo.deploymentOf(target), budgets.lossHorizonMs),
        expected: ({ budgets }) => ({
          // The client's cluster does not learn that the backends are gone; those of the target use the other cluster's.
          lostAtEnd: all,
          othersWithinMs: 0,
          backWithinMs: budgets.rejoinMs,
        }),
      },
      { requires: ["clustermeshApiserver"], ...keptData },
    );

    for (const affinity of ["local", "remote"] as const)
      scenarioTests(kit, {
        name: "agent restart",
        affinity,
        directions: "both",
        horizon: "settleMs",
        inject: async ({ client }) => agentRestarted(client, await lastWorkerOf(client)),
        expected: () => ({ awayWithinMs: 0, backWithinMs: 0, othersWithinMs: 0 }),
      });
  },
);
