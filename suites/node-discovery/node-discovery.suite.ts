import { everyAgentOf } from "#harness/cilium/agent/every-agent.ts";
import { awaitIpcache, standalonePod } from "#harness/cilium/agent/new-pod.ts";
import { kvstoreMeshStatus } from "#harness/cilium/kvstoremesh/kvstore-mesh.ts";
import { clusterObjects, nodeTruth, remoteTruth } from "#harness/cilium/truth.ts";
import { judgeDifferences } from "#harness/judge/differences.ts";
import {
  describeCounts,
  judgeKvstoreMesh,
  judgeNodeEntries,
  judgeRemoteCluster,
} from "#harness/judge/discovery.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { judgeSameSet } from "#harness/judge/sets.ts";
import { kinds } from "#harness/kube/kube.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import { combine } from "#harness/model/verdict.ts";
import { podsOfPeerDifferences } from "#harness/semantics/agent-differences.ts";
import { endpointDifferences } from "#harness/semantics/endpoint-differences.ts";
import { exportedState } from "#harness/semantics/exported-state.ts";
import { type ClusterPair, type DefineTest, defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn } from "#harness/testkit/fixture-types.ts";

export default defineSuite(
  {
    name: "node-discovery",
    tags: ["core", "nodes"],
    when: "core",
    order: 1,
    goal: "Every agent knows every node and pod of the other cluster, with the data of that cluster's API server.",
    method:
      "Compares node lists, remote cluster status and the ipcache BPF map with the API servers; follows a new pod's IP.",
    failureMeans: "The connection between the clusters, or the data sent over it.",
  },
  ({ pairs, test }) => {
    test("lists every node of every cluster and no others", async ({ mesh, signal, expect }) => {
      const truth = (await Promise.all(mesh.clusters.map(nodeTruth))).flat();
      for (const cluster of mesh.clusters) {
        for (const agent of await everyAgentOf(cluster, signal)) {
          const reported = await agent.nodeList();
          expect(
            combine([
              judgeSameSet(
                `nodes known to ${agent.name}`,
                reported.map((n) => n.name),
                truth.map((n) => n.name),
              ),
              judgeNodeEntries(agent.name, reported, truth),
            ]),
          ).toPass();
        }
      }
    });

    test("knows every other cluster, and not itself", async ({ mesh, signal, expect }) => {
      for (const cluster of mesh.clusters) {
        const others = mesh.clusters.filter((c) => c !== cluster).map((c) => c.name);
        const agents = await everyAgentOf(cluster, signal);
        for (const agent of agents)
          expect(
            judgeSameSet(
              `remote clusters of ${agent.name}`,
              (await agent.remoteClusters()).map((c) => c.name),
              others,
            ),
          ).toPass();
      }
    });

    for (const pair of pairs) {
      peerTests(test, pair);
      ipcacheTests(test, pair);
    }
  },
);

/** The status of another cluster in one cluster's agents and KVStoreMesh. */
function peerTests(test: DefineTest<undefined>, pair: ClusterPair): void {
  const { to } = pair;
  test(`${pair.name} > sees ${to.name} connected and synchronised, its counts equal to the truth`, async ({
    mesh,
    within,
    signal,
    keepFacts,
    expect,
  }) => {
    const { from, to } = pairIn(mesh, pair);
    const agents = await everyAgentOf(from, signal);
    for (const agent of agents) {
      const judged = await eventually(
        async () => {
          const truth = await remoteTruth(to);
          const remote = (await agent.remoteClusters()).find((c) => c.name === to.name);
          const verdict = judgeRemoteCluster(agent.name, to, remote, truth);
          return verdict.outcome === "pass"
            ? ready({ verdict, counts: describeCounts(truth) })
            : notYet(verdict.reasons.join("; "));
        },
        { what: `${agent.name} to have all data of ${to.name}`, everyMs: 1000, ...within.sync },
      );
      expect(judged.verdict).toPass();
      keepFacts({ [`${agent.node} sees`]: judged.counts });
    }
  });

  test(`${pair.name} > its KVStoreMesh is connected to ${to.name}`, {
    requires: [{ capability: "kvstoreMesh", cluster: pair.from.name }],
  }, async ({ mesh, signal, keepFacts, expect }) => {
    const { from, to } = pairIn(mesh, pair);
    const remote = (await kvstoreMeshStatus(from, signal)).find((c) => c.name === to.name);
    keepFacts({ status: remote?.status });
    expect(judgeKvstoreMesh(`KVStoreMesh of ${from.name}`, to, remote)).toPass();
  });
}

/** The addresses of another cluster's pods in the BPF map used for forwarding. */
function ipcacheTests(test: DefineTest<undefined>, pair: ClusterPair): void {
  const { to } = pair;
  test(`${pair.name} > its ipcache maps hold the pods of ${to.name} and no others`, async ({
    mesh,
    within,
    signal,
    expect,
  }) => {
    const { from, to } = pairIn(mesh, pair);
    const agents = await everyAgentOf(from, signal);
    const verdict = await judgedInTime(
      async () => {
        const objects = await clusterObjects(to);
        const held = await Promise.all(
          agents.map(async (agent) => ({ node: agent.node, ipcache: await agent.ipcache() })),
        );
        return judgeDifferences(
          [...endpointDifferences(objects), ...podsOfPeerDifferences(from, objects, held)],
          { what: `pods of ${to.name}`, expected: exportedState(objects).addresses?.size ?? 0 },
        );
      },
      { what: `the ipcaches of ${from.name}`, everyMs: 1000, ...within.sync },
    );
    expect(verdict).toPass();
  });

  test(`${pair.name} > learns a new pod of ${to.name} and forgets it`, async ({
    mesh,
    namespace,
    images,
    within,
    signal,
    keepFacts,
    expect,
  }) => {
    const { from, to } = pairIn(mesh, pair);
    const agents = await everyAgentOf(from, signal);
    await using pod = await standalonePod(to, {
      namespace,
      name: `new-${from.name}`,
      image: images.agnhost,
      ...within.settle,
    });
    const born = monotonicMs();
    const learned = await Promise.all(agents.map((agent) => awaitIpcache(agent, pod, within.sync)));
    for (const [i, entry] of learned.entries()) {
      const name = `${agents[i]?.name}: ${pod.name}`;
      expect(`${name} identity ${entry.identity} tunnel ${entry.tunnelEndpoint}`).toBe(
        `${name} identity ${pod.identity} tunnel ${pod.nodeAddress}`,
      );
    }
    keepFacts({ learnedMs: monotonicMs() - born });
    await to.kube.remove(kinds.pod, namespace, pod.name, 0);
    const died = monotonicMs();
    await Promise.all(agents.map((agent) => awaitIpcache(agent, pod, { gone: true, ...within.sync })));
    keepFacts({ forgottenMs: monotonicMs() - died });
  });
}
