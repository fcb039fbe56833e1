// Goal: renewing every certificate of the mesh costs no request, and the new ones connect the clusters.
// Method: a Helm upgrade of each cluster signs anew under the same CA, while clients of every cluster ask a service that
// the other one serves; ends once each clustermesh-apiserver serves its new certificate. Then everybody connects anew:
// what is new in one cluster must be learned by the others.

import { agentsOf } from "#harness/cilium/agent/agent.ts";
import { awaitIpcache, lonePod } from "#harness/cilium/agent/new-pod.ts";
import { reconnectAgents } from "#harness/cilium/install/reconnect.ts";
import { apiserverSelector } from "#harness/cluster/selectors.ts";
import { certificatesRotated } from "#harness/faults/catalogue/rotation.ts";
import { undo } from "#harness/faults/undo.ts";
import {
  agnhostImage,
  budgets,
  expect,
  forEachPair,
  keepFacts,
  mesh,
  test,
} from "#harness/testkit/fixtures.ts";
import { scenarioTests, setUpScenarios } from "#harness/testkit/scenarios.ts";

const suite = setUpScenarios("certificate-rotation", ["remote"]);

scenarioTests(suite, {
  name: "certificate rotation",
  affinity: "remote",
  directions: "alternating",
  horizonMs: budgets.settleMs,
  strike: async () => certificatesRotated(),
  expected: () => ({ awayWithinMs: 0, backWithinMs: 0, othersWithinMs: 0 }),
});

let restarted: Promise<void> | undefined;

/** No connection that was made with an old certificate is left: servers and KVStoreMesh start anew, agents connect anew. */
function connectAnew(signal: AbortSignal): Promise<void> {
  restarted ??= (async () => {
    await Promise.all(
      mesh.clusters.map(async (c) => {
        await undo(mesh, { do: "replace-pods", cluster: c.name, selector: apiserverSelector }, signal);
        await reconnectAgents(c);
      }),
    );
  })();
  return restarted;
}

forEachPair((from, to) => {
  test(`with the new certificates ${from.name} learns a new pod of ${to.name}`, async (context) => {
    const { signal } = context;
    await connectAnew(signal);
    const agents = await agentsOf(from, signal);
    expect(agents.length, `agents of ${from.name}`).toBeGreaterThan(0);
    await using pod = await lonePod(to, {
      namespace: suite().echo.namespace,
      name: `new-${from.name}`,
      image: agnhostImage,
      withinMs: budgets.settleMs,
      signal,
    });
    const learned = await Promise.all(
      agents.map((a) => awaitIpcache(a, pod, { withinMs: budgets.rejoinMs, signal })),
    );
    keepFacts(context, { learnedMs: Math.max(...learned.map((l) => l.afterMs)) });
  });
});
