import { everyAgentOf } from "#harness/cilium/agent/every-agent.ts";
import { awaitIpcache, standalonePod } from "#harness/cilium/agent/new-pod.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { judgeOutcomes } from "#harness/judge/policy.ts";
import { isTestMachineError, messageOf } from "#harness/lib/errors.ts";
import type { Budgets } from "#harness/model/budgets.ts";
import { combine, failedBecause, type Verdict } from "#harness/model/verdict.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import type { Flow } from "#harness/workloads/flows.ts";
import {
  appliedPolicy,
  askFlow,
  policyFlow,
  policyObject,
  serverPod,
} from "#harness/workloads/policy-workload.ts";
import { waitUntilServedBy } from "#harness/workloads/sampling.ts";

export interface Kit {
  readonly mesh: Mesh;
  readonly echo: EchoBackends;
  readonly budgets: Budgets;
  readonly signal: AbortSignal;
}

/** What propagated while something else happened. */
export interface Propagated {
  /** Changes of each kind, in every cluster. */
  readonly rounds: number;
  /** By the name of the pair: whether the first cluster learned what the second one changed. */
  readonly verdicts: ReadonlyMap<string, Verdict>;
}

interface Round {
  readonly kit: Kit;
  readonly number: number;
  readonly from: Cluster;
  readonly to: Cluster;
  /** The server of `from`. */
  readonly ip: string;
}

/**
 * Changes something in every cluster, again and again until `busy` ends, and at least once: a new pod, a new service and a
 * policy that knows the new pod by its labels. Everything must reach the other cluster, which a working data plane alone
 * does not need.
 */
export async function propagateWhile(start: () => Promise<unknown>, kit: Kit): Promise<Propagated> {
  const { mesh, echo, budgets, signal } = kit;
  const { agnhostImage } = mesh.state.artifacts;
  const servers = new Map<string, string>();
  const ready = { namespace: echo.namespace, image: agnhostImage, withinMs: budgets.settleMs, signal };
  await Promise.all(mesh.clusters.map(async (c) => servers.set(c.name, (await serverPod(c, ready)).ip)));
  const pairs = mesh.clusters.flatMap((from) =>
    mesh.clusters.filter((to) => to !== from).map((to) => ({ from, to, name: `${from.name} -> ${to.name}` })),
  );
  const verdicts = new Map<string, Verdict>();
  let isOver = false;
  let number = 0;
  const rounds = async (): Promise<void> => {
    do {
      number += 1;
      await echo.serve(serviceOf(number), { [annotation.global]: "true" });
      const results = await Promise.all(
        pairs.map(({ from, to }) => roundOf({ kit, number, from, to, ip: servers.get(from.name) ?? "" })),
      );
      for (const [i, { name }] of pairs.entries())
        verdicts.set(
          name,
          combine([verdicts.get(name) ?? failedBecause([]), results[i] ?? failedBecause([])]),
        );
    } while (!isOver && [...verdicts.values()].every((v) => v.outcome === "pass"));
  };
  const busy = start().finally(() => {
    isOver = true;
  });
  const [, changed] = await Promise.allSettled([busy, rounds()]);
  // The error of what was going on comes first.
  await busy;
  if (changed.status === "rejected") throw changed.reason;
  return { rounds: number, verdicts };
}

const serviceOf = (number: number): string => `echo-new-${number}`;

async function roundOf(round: Round): Promise<Verdict> {
  try {
    return await changesLearned(round);
  } catch (error) {
    if (round.kit.signal.aborted || isTestMachineError(error)) throw error;
    return failedBecause([`change ${round.number}: ${messageOf(error)}`]);
  }
}

async function changesLearned({ kit, number, from, to, ip }: Round): Promise<Verdict> {
  const { mesh, echo, budgets, signal } = kit;
  const { namespace } = echo;
  const within = { withinMs: budgets.rejoinMs, signal };
  const name = `new-${number}-for-${from.name}`;
  await using _policy = await appliedPolicy(
    from,
    policyObject(namespace, `allow-${name}`, {
      endpointSelector: { matchLabels: { role: "server" } },
      ingress: [{ fromEndpoints: [{ matchLabels: { app: name, "io.cilium.k8s.policy.cluster": to.name } }] }],
    }),
  );
  await using pod = await standalonePod(to, {
    namespace,
    name,
    image: mesh.state.artifacts.proberImage,
    args: ["idle"],
    ...within,
  });
  const agents = await everyAgentOf(from, signal);
  const flow: Flow = {
    ...policyFlow({ cluster: to, role: "allowed" }, { cluster: from, ip }, namespace),
    client: { cluster: to, namespace, pod: name, container: "pause" },
    from: `${to.name}/${name}`,
  };
  const [, , allowed] = await Promise.all([
    Promise.all(agents.map((a) => awaitIpcache(a, pod, within))),
    waitUntilServedBy(from, { echo, service: serviceOf(number), by: mesh.clusters }, within),
    judgedInTime(
      async () =>
        judgeOutcomes([{ path: await askFlow(flow, { timeoutMs: budgets.requestMs, signal }), open: true }]),
      { what: `policy allow-${name} of ${from.name} to let in a new pod of ${to.name}`, ...within },
    ),
  ]);
  return allowed;
}
