import { agentsOf } from "#harness/cilium/agent/agent.ts";
import { awaitIpcache, standalonePod } from "#harness/cilium/agent/new-pod.ts";
import { reconnectAgents } from "#harness/cilium/install/reconnect.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { apiserverSelector } from "#harness/cluster/selectors.ts";
import { certificatesRotated } from "#harness/faults/catalogue/rotation.ts";
import { undo } from "#harness/faults/undo.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn } from "#harness/testkit/fixture-types.ts";
import { scenarioSetup, scenarioTests } from "#harness/testkit/scenario-tests.ts";

/** No connection that was made with an old certificate is left: servers and KVStoreMesh start anew, agents connect anew. */
async function connectAnew(mesh: Mesh, signal: AbortSignal): Promise<void> {
  await Promise.all(
    mesh.clusters.map(async (c) => {
      await undo(mesh, { do: "replace-pods", cluster: c.name, selector: apiserverSelector }, signal);
      await reconnectAgents(c);
    }),
  );
}

export default defineSuite(
  {
    name: "certificate-rotation",
    tags: ["lab-specific", "disruptive"],
    when: "lab",
    order: 5,
    goal: "renewing every certificate of the mesh costs no request, and the new ones connect the clusters.",
    method:
      "a Helm upgrade of each cluster signs anew under the same CA, while clients of every cluster ask a service that the other one serves; ends once each clustermesh-apiserver serves its new certificate. Then everybody connects anew: what is new in one cluster must be learned by the others.",
    failureMeans: "certificates: who signs them, and who trusts whom.",
    requires: ["clustermeshApiserver"],
    echo: { replicas: 2, heartbeats: true },
    setup: scenarioSetup(["remote"]),
  },
  (kit) => {
    scenarioTests(kit, {
      name: "certificate rotation",
      affinity: "remote",
      directions: "alternating",
      horizon: "settleMs",
      inject: async () => certificatesRotated(),
      expected: () => ({ awayWithinMs: 0, backWithinMs: 0, othersWithinMs: 0 }),
    });

    /** The tests share it. */
    let restarted: Promise<void> | undefined;
    for (const pair of kit.pairs) {
      const { from, to } = pair;
      kit.test(
        `${pair.name} > with the new certificates ${from.name} learns a new pod of ${to.name}`,
        async ({ mesh, namespace, images, within, signal, keepFacts, expect }) => {
          const { from, to } = pairIn(mesh, pair);
          restarted ??= connectAnew(mesh, signal);
          await restarted;
          const agents = await agentsOf(from, signal);
          expect(agents.length, `agents of ${from.name}`).toBeGreaterThan(0);
          await using pod = await standalonePod(to, {
            namespace,
            name: `new-${from.name}`,
            image: images.agnhost,
            ...within.settle,
          });
          const learned = await Promise.all(agents.map((a) => awaitIpcache(a, pod, within.rejoin)));
          keepFacts({ learnedMs: Math.max(...learned.map((l) => l.afterMs)) });
        },
      );
    }
  },
);
