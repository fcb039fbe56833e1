import { everyAgentOf } from "#harness/cilium/agent/every-agent.ts";
import { awaitIpcache, standalonePod } from "#harness/cilium/agent/new-pod.ts";
import { type Cluster, requireKind } from "#harness/cluster/cluster.ts";
import { killPod } from "#harness/cluster/kind/node-control.ts";
import { apiserverSelector } from "#harness/cluster/selectors.ts";
import { podReady } from "#harness/kube/conditions.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import { isTestMachineError, messageOf } from "#harness/lib/errors.ts";
import { notYet, pause, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import { failedBecause, type Verdict } from "#harness/model/verdict.ts";
import type { ClusterPair } from "#harness/testkit/define-suite.ts";
import { type Facts, pairIn, type SuiteFixtures } from "#harness/testkit/fixture-types.ts";
import type { Waiting } from "#harness/testkit/within.ts";

const namespace = "kube-system";
const name = "clustermesh-apiserver";

export type Kit = Pick<SuiteFixtures, "mesh" | "namespace" | "images" | "within">;

/** Loses a replica; the handle brings it back. */
type Lose = (cluster: Cluster, replica: KubeObject, within: Waiting) => Promise<AsyncDisposable>;

const replicasOf = (cluster: Cluster): Promise<KubeObject[]> =>
  cluster.kube.list(kinds.pod, namespace, apiserverSelector);

const untilReplicas = <T>(
  cluster: Cluster,
  what: string,
  look: (pods: readonly KubeObject[]) => ReturnType<typeof ready<T>> | ReturnType<typeof notYet>,
  within: Waiting,
): Promise<T> =>
  cluster.kube.until(kinds.pod, { namespace, labelSelector: apiserverSelector }, look, {
    what: `${what} of ${cluster.name}`,
    ...within,
  });

const twoReady = (cluster: Cluster, within: Waiting): Promise<KubeObject[]> =>
  untilReplicas(
    cluster,
    "two clustermesh-apiservers to be ready, and no other to be left,",
    (pods) => {
      const standing = pods.filter(podReady);
      return standing.length === 2 && pods.length === 2
        ? ready(standing)
        : notYet(`${standing.length} of ${pods.length} ready`);
    },
    within,
  );

const scaledTo = (cluster: Cluster, replicas: number): Promise<unknown> =>
  cluster.kube.merge(kinds.deployment, namespace, name, { spec: { replicas } });

/** The Deployment runs one replica less, and Kubernetes removes this one; its connections are closed. */
const removed: Lose = async (cluster, replica, within) => {
  for (const { metadata } of await replicasOf(cluster)) {
    const cost = metadata.name === replica.metadata.name ? "-1000" : "1000";
    const annotations = { "controller.kubernetes.io/pod-deletion-cost": cost };
    await cluster.kube.merge(kinds.pod, namespace, metadata.name, { metadata: { annotations } });
  }
  await scaledTo(cluster, 1);
  await untilReplicas(
    cluster,
    `clustermesh-apiserver ${replica.metadata.name} to be gone, and the other to stay,`,
    (pods) =>
      pods.length === 1 && pods[0]?.metadata.name !== replica.metadata.name
        ? ready(undefined)
        : notYet(pods.map((p) => p.metadata.name).join(", ")),
    within,
  );
  return {
    async [Symbol.asyncDispose]() {
      await scaledTo(cluster, 2);
    },
  };
};

const processesOf = (cluster: Cluster, { metadata, spec }: KubeObject) => {
  const uid = found(metadata.uid, `uid of pod ${metadata.name}`);
  const node = requireKind(cluster, "a killed replica").node(String(spec.nodeName));
  return { uid, kill: (signal: AbortSignal) => killPod(node, uid, signal) };
};

/** Its processes are killed at once, and nobody says farewell; then it is removed, before kubelet has them back for long. */
const killed: Lose = async (cluster, replica, within) => {
  await processesOf(cluster, replica).kill(within.signal);
  return removed(cluster, replica, within);
};

/** Its processes are killed whenever kubelet starts them: CrashLoopBackOff. */
const restarting: Lose = async (cluster, replica, within) => {
  const { uid, kill } = processesOf(cluster, replica);
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, within.signal]);
  await kill(within.signal);
  const loop = (async () => {
    while (!signal.aborted) {
      await pause(300, signal).catch(() => undefined);
      // Between two starts there is no process to kill.
      if (!signal.aborted) await kill(signal).catch(() => undefined);
    }
  })();
  const back = {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await loop;
      // Its container would wait in kubelet's back-off.
      await cluster.kube.remove(kinds.pod, namespace, replica.metadata.name, 0);
    },
  };
  try {
    await untilReplicas(
      cluster,
      `the killed clustermesh-apiserver ${replica.metadata.name} to be unready`,
      (pods) =>
        pods.some((p) => p.metadata.uid === uid && podReady(p)) ? notYet("ready") : ready(undefined),
      within,
    );
    return back;
  } catch (error) {
    await back[Symbol.asyncDispose]();
    throw error;
  }
};

export interface Found {
  readonly verdict: Verdict;
  readonly facts: Facts;
}

const ways = { removed, killed, restarting };
export type Way = keyof typeof ways;

/**
 * Whether the first cluster learns a new pod of the second while one replica there is missing, and whether it still was
 * missing then, for each way to lose a replica in turn. Sessions stick to one replica, and losing only the other would
 * prove nothing: each time the replica is lost that stood alone before, so from the second loss on every session is hit.
 */
export async function learnsWithoutEither(
  { mesh, namespace: own, images, within }: Kit,
  pair: ClusterPair,
  losses: readonly Way[],
): Promise<Found> {
  const { from, to } = pairIn(mesh, pair);
  const learnedMs: number[] = [];
  const reasons: string[] = [];
  const { settle, sync } = within;
  let alone: string | undefined;
  for (const [i, how] of losses.entries()) {
    const standing = await twoReady(to, settle);
    const replica = found(
      standing.find((p) => p.metadata.uid === alone) ?? standing[0],
      `clustermesh-apiserver in ${to.name}`,
    );
    alone = standing.find((p) => p !== replica)?.metadata.uid;
    const lost = `${to.name}'s clustermesh-apiserver ${replica.metadata.name} (${how})`;
    const agents = await everyAgentOf(from, within.signal);
    try {
      await using _lost = await ways[how](to, replica, settle);
      const lostMs = monotonicMs();
      const name = `without-${from.name}-${i + 1}`;
      await using pod = await standalonePod(to, { namespace: own, name, image: images.agnhost, ...settle });
      await Promise.all(agents.map((a) => awaitIpcache(a, pod, sync)));
      learnedMs.push(Math.round(monotonicMs() - lostMs));
      const left = (await replicasOf(to)).filter(podReady);
      if (left.length !== 1 || left[0]?.metadata.uid !== alone)
        reasons.push(
          `${lost} was no longer missing when pod ${pod.name} was learned: ready are ${left.map((p) => p.metadata.name).join(", ") || "none"}`,
        );
    } catch (error) {
      if (within.signal.aborted || isTestMachineError(error)) throw error;
      reasons.push(`without ${lost}: ${messageOf(error)}`);
    }
  }
  await twoReady(to, settle);
  return { verdict: failedBecause(reasons), facts: { learnedAfterLossMs: learnedMs.join(", ") } };
}
