import { everyAgentOf } from "#harness/cilium/agent/every-agent.ts";
import { awaitIpcache, standalonePod } from "#harness/cilium/agent/new-pod.ts";
import { reconnectAgents } from "#harness/cilium/install/reconnect.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { apiserverSelector } from "#harness/cluster/selectors.ts";
import { certificatesRotated } from "#harness/faults/catalogue/rotation.ts";
import { undo } from "#harness/faults/undo.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn } from "#harness/testkit/fixture-types.ts";
import { scenarioSetup, scenarioTests } from "#harness/testkit/scenario-tests.ts";

/** Ends all connections made with old certificates: restarts servers and KVStoreMesh, and reconnects agents. */
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
    goal: "Renewing every certificate of the mesh loses no request, and the clusters connect with the new ones.",
    method:
      "A Helm upgrade of each cluster issues new certificates from the same CA while clients of every cluster use a service that the other cluster serves; ends once each clustermesh-apiserver serves its new certificate. Then reconnects every agent and waits for it: a new pod in one cluster must be learned by the others.",
    failureMeans: "Certificates: their issuer, or the CAs that each side trusts.",
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

    /** Shared by the tests. */
    let restarted: Promise<void> | undefined;
    for (const pair of kit.pairs) {
      const { from, to } = pair;
      kit.test(
        `${pair.name} > with the new certificates ${from.name} learns a new pod of ${to.name}`,
        async ({ mesh, namespace, images, within, signal, keepFacts, expect }) => {
          const { from, to } = pairIn(mesh, pair);
          restarted ??= connectAnew(mesh, signal);
          await restarted;
          const agents = await everyAgentOf(from, signal);
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
