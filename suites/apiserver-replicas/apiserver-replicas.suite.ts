import { everyAgentOf } from "#harness/cilium/agent/every-agent.ts";
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
    goal: "With two clustermesh-apiserver replicas in each cluster, losing one replica does not affect the other clusters.",
    method:
      "Runs two replicas with session affinity, as set by the chart; deletes each pod in turn, creates a workload pod in that cluster at once, and waits until every agent of the other clusters has learned it.",
    failureMeans: "The connection of agents and KVStoreMesh to the remaining replica.",
    requires: ["clustermeshApiserver"],
    setup: async ({ mesh, namespace, cleanup, within }) => {
      const { signal } = within;
      const doubled = await injectFault(twoApiservers(mesh.clusters), { mesh, namespace, signal });
      cleanup.defer("one clustermesh-apiserver in each cluster", () => doubled.heal());
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
        const agents = await everyAgentOf(from, signal);
        const learnedMs: number[] = [];
        // Each in turn: sessions stick to one replica, and losing only the other would prove nothing.
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
