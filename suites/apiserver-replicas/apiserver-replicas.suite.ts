import { agentsOf } from "#harness/cilium/agent/agent.ts";
import { awaitIpcache, standalonePod } from "#harness/cilium/agent/new-pod.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { apiserverSelector } from "#harness/cluster/selectors.ts";
import { twoApiservers } from "#harness/faults/catalogue/disruption.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { podReady } from "#harness/kube/conditions.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import { notYet, ready } from "#harness/lib/eventually.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn } from "#harness/testkit/fixture-types.ts";
import type { Waiting } from "#harness/testkit/within.ts";

const twoReady = (to: Cluster, within: Waiting): Promise<KubeObject[]> =>
  to.kube.until(
    kinds.pod,
    { namespace: "kube-system", labelSelector: apiserverSelector },
    (pods) => {
      const standing = pods.filter(podReady);
      return standing.length === 2 ? ready(standing) : notYet(`${standing.length} ready`);
    },
    { what: `two clustermesh-apiservers of ${to.name} to be ready`, ...within },
  );

export default defineSuite(
  {
    name: "apiserver-replicas",
    tags: ["lab-specific", "kvstore", "disruptive"],
    when: "lab",
    order: 4,
    goal: "with two clustermesh-apiserver replicas in each cluster, the loss of one is no loss for the others.",
    method:
      "two replicas and session affinity, as the chart sets them; each pod in turn is deleted, and at once a pod that is made in that cluster must be learned by every agent of the others.",
    failureMeans: "the way of agents and KVStoreMesh to the replica that is left.",
    requires: ["clustermeshApiserver"],
    setup: async ({ mesh, namespace, cleanup, within }) => {
      const { signal } = within;
      const doubled = await injectFault(twoApiservers(mesh.clusters), { mesh, namespace, signal });
      cleanup.defer("one clustermesh-apiserver each", () => doubled.heal());
    },
  },
  ({ pairs, test }) => {
    for (const pair of pairs) {
      const { from, to } = pair;
      test(`${pair.name} > ${from.name} learns a new pod of ${to.name} while either of its two clustermesh-apiservers is lost`, async ({
        mesh,
        namespace,
        images,
        within,
        signal,
        keepFacts,
        expect,
      }) => {
        const { from, to } = pairIn(mesh, pair);
        const agents = await agentsOf(from, signal);
        expect(agents.length, `agents of ${from.name}`).toBeGreaterThan(0);
        const learnedMs: number[] = [];
        // Each in turn: sessions stick to one, and the loss of the other would prove nothing.
        for (const [i, lost] of (await twoReady(to, within.settle)).entries()) {
          await to.kube.remove(kinds.pod, "kube-system", lost.metadata.name, 0);
          const lostMs = monotonicMs();
          await using pod = await standalonePod(to, {
            namespace,
            name: `new-${from.name}-${i + 1}`,
            image: images.agnhost,
            ...within.settle,
          });
          await Promise.all(agents.map((a) => awaitIpcache(a, pod, within.sync)));
          learnedMs.push(Math.round(monotonicMs() - lostMs));
          await twoReady(to, within.settle);
        }
        keepFacts({ learnedAfterLossMs: learnedMs.join(" and ") });
      });
    }
  },
);
