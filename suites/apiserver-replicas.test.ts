// Goal: with two clustermesh-apiserver replicas in each cluster, the loss of one is no loss for the others.
// Method: two replicas and session affinity, as the chart sets them; each pod in turn is deleted, and at once a pod that
// is made in that cluster must be learned by every agent of the others.

import { agentsOf } from "#harness/cilium/agent/agent.ts";
import { awaitIpcache, lonePod } from "#harness/cilium/agent/new-pod.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { apiserverSelector } from "#harness/cluster/selectors.ts";
import { twoApiservers } from "#harness/faults/catalogue/disruption.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { podReady } from "#harness/kube/conditions.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import { notYet, ready } from "#harness/lib/eventually.ts";
import {
  agnhostImage,
  budgets,
  expect,
  forEachPair,
  keepFacts,
  mesh,
  setUp,
  test,
} from "#harness/testkit/fixtures.ts";

const suite = setUp("apiserver-replicas", async ({ namespace, scope, signal }) => {
  const doubled = await injectFault(twoApiservers(mesh.clusters), { mesh, namespace, signal });
  scope.defer("one clustermesh-apiserver each", () => doubled.heal());
  return { namespace };
});

const twoReady = (to: Cluster, signal: AbortSignal): Promise<KubeObject[]> =>
  to.kube.until(
    kinds.pod,
    { namespace: "kube-system", labelSelector: apiserverSelector },
    (pods) => {
      const standing = pods.filter(podReady);
      return standing.length === 2 ? ready(standing) : notYet(`${standing.length} ready`);
    },
    { what: `two clustermesh-apiservers of ${to.name} to be ready`, withinMs: budgets.settleMs, signal },
  );

forEachPair((from, to) => {
  test(`${from.name} learns a new pod of ${to.name} while either of its two clustermesh-apiservers is lost`, async (context) => {
    const { namespace } = suite();
    const { signal } = context;
    const agents = await agentsOf(from, signal);
    expect(agents.length, `agents of ${from.name}`).toBeGreaterThan(0);
    const learnedMs: number[] = [];
    // Each in turn: sessions stick to one, and the loss of the other would prove nothing.
    for (const [i, lost] of (await twoReady(to, signal)).entries()) {
      await to.kube.remove(kinds.pod, "kube-system", lost.metadata.name, 0);
      const lostMs = monotonicMs();
      await using pod = await lonePod(to, {
        namespace,
        name: `new-${from.name}-${i + 1}`,
        image: agnhostImage,
        withinMs: budgets.settleMs,
        signal,
      });
      await Promise.all(agents.map((a) => awaitIpcache(a, pod, { withinMs: budgets.syncMs, signal })));
      learnedMs.push(Math.round(monotonicMs() - lostMs));
      await twoReady(to, signal);
    }
    keepFacts(context, { learnedAfterLossMs: learnedMs.join(" and ") });
  });
});
