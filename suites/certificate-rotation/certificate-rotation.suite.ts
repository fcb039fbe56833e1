import { everyAgentOf } from "#harness/cilium/agent/every-agent.ts";
import { awaitIpcache, standalonePod } from "#harness/cilium/agent/new-pod.ts";
import { reconnectAgents } from "#harness/cilium/install/reconnect.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { apiserverSelector } from "#harness/cluster/selectors.ts";
import { certificatesRotated } from "#harness/faults/catalogue/rotation.ts";
import type { Fault, FaultContext, Injected } from "#harness/faults/fault.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { undo } from "#harness/faults/undo.ts";
import { found } from "#harness/lib/found.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn } from "#harness/testkit/fixture-types.ts";
import { scenarioSetup, scenarioTests } from "#harness/testkit/scenario-tests.ts";
import { type Kit, type Propagated, propagateWhile } from "./propagation.ts";

/** Ends all connections made with old certificates: restarts servers and KVStoreMesh, and reconnects agents. */
async function connectAnew(mesh: Mesh, signal: AbortSignal): Promise<void> {
  await Promise.all(
    mesh.clusters.map(async (c) => {
      await undo(mesh, { do: "replace-pods", cluster: c.name, selector: apiserverSelector }, signal);
      await reconnectAgents(c);
    }),
  );
}

/** The rotation, while changes in every cluster must reach the others; `record` receives what did. */
function rotatedWhileChanging(kit: Kit, record: (propagated: Propagated) => void): Fault {
  const { inject, ...rotation } = certificatesRotated();
  return {
    ...rotation,
    needsNamespace: false,
    async inject(ctx: FaultContext) {
      let injected: Injected | undefined;
      const rotate = async (): Promise<void> => {
        injected = await inject({ ...ctx, namespace: kit.echo.namespace });
      };
      record(await propagateWhile(rotate, kit));
      return found(injected, "rotation that ended");
    },
  };
}

export default defineSuite(
  {
    name: "certificate-rotation",
    tags: ["lab-specific", "disruptive", "extended"],
    when: "lab",
    order: 5,
    goal: "Renewing every certificate of the mesh loses no request and no change, and the clusters connect with the new ones.",
    method:
      "A Helm upgrade of each cluster issues new certificates from the same CA while clients of every cluster use a service that the other cluster serves, and while new pods, new services and policies for the new pods must reach the other cluster; ends once each clustermesh-apiserver serves its new certificate. Then reconnects every agent and waits for it: a new pod in one cluster must be learned by the others.",
    failureMeans: "Certificates: their issuer, or the CAs that each side trusts.",
    requires: ["clustermeshApiserver"],
    echo: { replicas: 2, heartbeats: true, patient: true },
    setup: scenarioSetup(["remote"]),
  },
  (kit) => {
    /** Shared by the tests: what propagated during the rotation. */
    let propagated: Propagated | undefined;
    scenarioTests(kit, {
      name: "certificate rotation",
      affinity: "remote",
      directions: "alternating",
      horizon: "settleMs",
      inject: async (roles) =>
        rotatedWhileChanging(roles, (seen) => {
          propagated = seen;
        }),
      expected: () => ({ awayWithinMs: 0, backWithinMs: 0, othersWithinMs: 0 }),
    });

    for (const pair of kit.pairs) {
      const { from, to } = pair;
      kit.test(
        `${pair.name} > during the rotation ${from.name} learns a new pod, a new service and a policy's new pod of ${to.name}`,
        { timeoutMs: 600_000 },
        async ({ mesh, echo, budgets, signal, keepFacts, expect }) => {
          if (propagated === undefined) {
            // The test of the rotation did not get that far, or was left out.
            const changing = rotatedWhileChanging({ mesh, echo, budgets, signal }, (seen) => {
              propagated = seen;
            });
            await (await injectFault(changing, { mesh, signal })).heal();
          }
          const seen = found(propagated, "record of the changes during the rotation");
          keepFacts({ changesOfEachKind: seen.rounds });
          expect(found(seen.verdicts.get(pair.name), `changes of ${pair.name}`)).toPass();
        },
      );
    }

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
          await using pod = await standalonePod(to, {
            namespace,
            name: `new-${from.name}`,
            image: images.agnhost,
            ...within.settle,
          });
          const learned = await Promise.all(agents.map((a) => awaitIpcache(a, pod, within.rejoin)));
          expect(learned, `agents of ${from.name} that learned pod ${pod.name}`).toHaveLength(agents.length);
          keepFacts({ learnedMs: Math.max(...learned.map((l) => l.afterMs)) });
        },
      );
    }
  },
);
