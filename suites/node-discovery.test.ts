// Goal: every agent knows every node and pod of the other cluster as that cluster's own API server tells them.
// Method: compare node lists, remote cluster status and the ipcache BPF map with the truth; follow a new pod's IP.

import { agentsOf } from "#harness/cilium/agent/agent.ts";
import { awaitIpcache, lonePod, podEntries } from "#harness/cilium/agent/new-pod.ts";
import { kvstoreMeshStatus } from "#harness/cilium/kvstoremesh/kvstore-mesh.ts";
import { nodeTruth, podAddresses, remoteTruth } from "#harness/cilium/truth.ts";
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
import { combine, failedBecause } from "#harness/model/verdict.ts";
import {
  agnhostImage,
  budgets,
  expect,
  forEachPair,
  keepFacts,
  mesh,
  setUp,
  test,
  unsupported,
} from "#harness/testkit/fixtures.ts";

const suite = setUp("node-discovery", async ({ namespace }) => ({ namespace }));

test("lists every node of every cluster and no others", async ({ signal }) => {
  const truth = (await Promise.all(mesh.clusters.map(nodeTruth))).flat();
  for (const cluster of mesh.clusters) {
    for (const agent of await agentsOf(cluster, signal)) {
      const told = await agent.nodeList();
      expect(
        combine([
          judgeSameSet(
            `nodes known to ${agent.name}`,
            told.map((n) => n.name),
            truth.map((n) => n.name),
          ),
          judgeNodeEntries(agent.name, told, truth),
        ]),
      ).toPass();
    }
  }
});

test("knows every other cluster, and not itself", async ({ signal }) => {
  for (const cluster of mesh.clusters) {
    const others = mesh.clusters.filter((c) => c !== cluster).map((c) => c.name);
    const agents = await agentsOf(cluster, signal);
    expect(agents.length, `agents of ${cluster.name}`).toBeGreaterThan(0);
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

forEachPair((from, to) => {
  test(`sees ${to.name} connected and synchronised, its counts equal to the truth`, async (context) => {
    const agents = await agentsOf(from, context.signal);
    for (const agent of agents) {
      const judged = await eventually(
        async () => {
          const truth = await remoteTruth(to);
          const remote = (await agent.remoteClusters()).find((c) => c.name === to.name);
          const verdict = judgeRemoteCluster(agent.name, to.name, to.id, remote, truth);
          return verdict.outcome === "pass"
            ? ready({ verdict, counts: describeCounts(truth) })
            : notYet(verdict.reasons.join("; "));
        },
        {
          what: `${agent.name} to know what ${to.name} has`,
          withinMs: budgets.syncMs,
          everyMs: 1000,
          signal: context.signal,
        },
      );
      expect(judged.verdict).toPass();
      keepFacts(context, { [`${agent.node} sees`]: judged.counts });
    }
    expect(agents.length).toBeGreaterThan(0);
  });

  test(`its KVStoreMesh is connected to ${to.name}`, async (context) => {
    if (!from.capabilities.hasKvstoreMesh)
      unsupported(context, "KVStoreMesh: agents read the peer's kvstore itself");
    const remote = (await kvstoreMeshStatus(from, context.signal)).find((c) => c.name === to.name);
    keepFacts(context, { status: remote?.status });
    expect(judgeKvstoreMesh(`KVStoreMesh of ${from.name}`, to.name, to.id, remote)).toPass();
  });

  test(`its ipcache maps hold the pods of ${to.name} and no others`, async (context) => {
    const agents = await agentsOf(from, context.signal);
    expect(agents.length).toBeGreaterThan(0);
    await Promise.all(
      agents.map(async (agent) => {
        const verdict = await judgedInTime(
          async () => {
            const truth = await podAddresses(to);
            const held = podEntries(await agent.ipcache(), to.podCidr);
            return truth.length === 0
              ? failedBecause([`${to.name} has no pod, which proves nothing`])
              : judgeSameSet(`${agent.name}: pods of ${to.name} in the ipcache`, held, truth);
          },
          {
            what: `the ipcache of ${agent.name}`,
            withinMs: budgets.syncMs,
            everyMs: 1000,
            signal: context.signal,
          },
        );
        expect(verdict).toPass();
      }),
    );
  });

  test(`learns a new pod of ${to.name} and forgets it`, async (context) => {
    const { namespace } = suite();
    const agents = await agentsOf(from, context.signal);
    await using pod = await lonePod(to, {
      namespace,
      name: `new-${from.name}`,
      image: agnhostImage,
      withinMs: budgets.settleMs,
      signal: context.signal,
    });
    const born = monotonicMs();
    const learned = await Promise.all(
      agents.map((agent) => awaitIpcache(agent, pod, { withinMs: budgets.syncMs, signal: context.signal })),
    );
    for (const [i, entry] of learned.entries()) {
      expect(
        `${agents[i]!.name}: ${pod.name} identity ${entry.identity} tunnel ${entry.tunnelEndpoint}`,
      ).toBe(`${agents[i]!.name}: ${pod.name} identity ${pod.identity} tunnel ${pod.nodeAddress}`);
    }
    keepFacts(context, { learnedMs: monotonicMs() - born });
    await to.kube.remove(kinds.pod, namespace, pod.name, 0);
    const died = monotonicMs();
    await Promise.all(
      agents.map((agent) =>
        awaitIpcache(agent, pod, { gone: true, withinMs: budgets.syncMs, signal: context.signal }),
      ),
    );
    keepFacts(context, { forgottenMs: monotonicMs() - died });
  });
});
