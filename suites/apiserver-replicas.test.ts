// Goal: with two clustermesh-apiserver replicas in each cluster, the loss of one is no loss for the others.
// Method: two replicas and session affinity, as the chart sets them; one pod is deleted, and at once a pod that is made
// in that cluster must be learned by every agent of the others.
import { apiserverSelector } from "#harness/cluster/selectors.ts";
import { monotonicMs } from "#harness/core/clock.ts";
import { MeshproofError } from "#harness/core/errors.ts";
import { notYet, ready } from "#harness/core/eventually.ts";
import { twoApiservers } from "#harness/fault/disruption.ts";
import { injectFault } from "#harness/fault/inject.ts";
import {
  agnhostImage,
  budgets,
  expect,
  forEachPair,
  keepFacts,
  mesh,
  setUp,
  test,
} from "#harness/fixtures.ts";
import { podReady } from "#harness/kube/conditions.ts";
import { kinds } from "#harness/kube/kube.ts";
import { agentsOf } from "#harness/observe/agent.ts";
import { awaitIpcache, lonePod } from "#harness/observe/new-pod.ts";

const suite = setUp("apiserver-replicas", async ({ namespace, scope, signal }) => {
  const doubled = await injectFault(twoApiservers(mesh.clusters), { mesh, namespace, signal });
  scope.defer("one clustermesh-apiserver each", () => doubled.heal());
  return { namespace };
});

forEachPair((from, to) => {
  test(`${from.name} learns a new pod of ${to.name} while one of its two clustermesh-apiservers is lost`, async (context) => {
    const { namespace } = suite();
    const { signal } = context;
    const standing = (await to.kube.list(kinds.pod, "kube-system", apiserverSelector)).filter(podReady);
    expect(standing.length, `ready clustermesh-apiservers of ${to.name}`).toBe(2);
    const [lost] = standing;
    if (lost === undefined) throw new MeshproofError("lab-broken", `${to.name} has no clustermesh-apiserver`);
    await to.kube.remove(kinds.pod, "kube-system", lost.metadata.name, 0);
    const lostMs = monotonicMs();
    await using pod = await lonePod(to, {
      namespace,
      name: `new-${from.name}`,
      image: agnhostImage,
      withinMs: budgets.settleMs,
      signal,
    });
    const agents = await agentsOf(from, signal);
    await Promise.all(agents.map((a) => awaitIpcache(a, pod, { withinMs: budgets.syncMs, signal })));
    keepFacts(context, { lost: lost.metadata.name, learnedAfterLossMs: monotonicMs() - lostMs });
    await to.kube.until(
      kinds.pod,
      { namespace: "kube-system", labelSelector: apiserverSelector },
      (pods) => {
        const count = pods.filter(podReady).length;
        return count === 2 ? ready(undefined) : notYet(`${count} ready`);
      },
      {
        what: `the second clustermesh-apiserver of ${to.name} to be back`,
        withinMs: budgets.settleMs,
        signal,
      },
    );
  });
});
