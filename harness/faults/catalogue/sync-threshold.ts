import { type Cluster, requireKind } from "#harness/cluster/cluster.ts";
import type { KindNode } from "#harness/cluster/kind/kind-node.ts";
import { continueAt, stopProcesses } from "#harness/cluster/kind/node-control.ts";
import { apiserverSelector } from "#harness/cluster/selectors.ts";
import { kinds } from "#harness/kube/kube.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { notYet, pause, ready } from "#harness/lib/eventually.ts";
import type { Fault, Injected, SuiteFault, SuiteFaultContext } from "../fault.ts";
import { inBackground } from "./background.ts";
import { kvstoreMeshProcess, nodesOf } from "./control-plane.ts";
import { suiteMs } from "./echo-watch.ts";
import { requireExact, type Threshold, thresholds } from "./threshold.ts";

/**
 * Holds back a new pod of a cluster from the others: their KVStoreMesh stands still (SIGSTOP) from the pod's creation until
 * a share of `syncMs` after its CiliumEndpoint. METHOD.md, rule 12.
 */
const syncHeld = ({ suffix, share }: Threshold): SuiteFault => ({
  name: `sync-${suffix}`,
  group: "control-plane",
  needs: "KVStoreMesh",
  does: `stops KVStoreMesh of the other clusters until ${share} times syncMs after a new pod's CiliumEndpoint`,
  traceless: "it lasts seconds, in the middle of a test",
  needsNamespace: true,
  async inject(ctx): Promise<Injected> {
    const { clusters } = ctx.mesh;
    const holders = new Map<Cluster, readonly KindNode[]>();
    for (const cluster of clusters)
      holders.set(cluster, await nodesOf(requireKind(cluster, "a fault of KVStoreMesh"), apiserverSelector));
    const nodes = [...holders.values()].flat();
    await ctx.recordUndo(
      ...nodes.map(({ name }) => ({ do: "continue" as const, node: name, process: kvstoreMeshProcess })),
    );
    const budgetMs = ctx.mesh.state.plan.budgets.syncMs;
    const forMs = share * budgetMs;
    const lasted: number[] = [];
    const watch = inBackground(`the watch of ${ctx.namespace}`, async (signal) => {
      await Promise.all(
        clusters.map(async (cluster) => {
          const others = clusters.filter((c) => c !== cluster).flatMap((c) => holders.get(c) ?? []);
          const pods = await podsOf(ctx, cluster);
          for (;;) lasted.push(await holdNext({ ctx, cluster, others, pods }, forMs, signal));
        }),
      );
    });
    return {
      subject: `KVStoreMesh of ${clusters.map((c) => c.name).join(" and ")}`,
      names: [...clusters.map((c) => c.name), ...nodes.map((n) => n.name)],
      async beforeHeal() {
        await watch.stop();
        requireExact(lasted, forMs, budgetMs);
      },
    };
  },
});

interface Next {
  readonly ctx: SuiteFaultContext;
  readonly cluster: Cluster;
  readonly others: readonly KindNode[];
  /** Uids of the pods that were seen; the next one is added. */
  readonly pods: Set<string>;
}

/** Holds back the next new pod; returns for how long after its CiliumEndpoint. */
async function holdNext(
  { ctx, cluster, others, pods }: Next,
  forMs: number,
  signal: AbortSignal,
): Promise<number> {
  const { namespace } = ctx;
  const at = { withinMs: suiteMs, signal };
  const pod = await cluster.kube.until(
    kinds.pod,
    { namespace },
    (all) => {
      const created = all.find((p) => !pods.has(String(p.metadata.uid)));
      return created === undefined ? notYet("none") : ready(created.metadata);
    },
    { what: `a new pod in ${namespace} of ${cluster.name}`, ...at },
  );
  pods.add(String(pod.uid));
  await Promise.all(others.map((node) => stopProcesses(node, kvstoreMeshProcess, signal)));
  await cluster.kube.until(
    kinds.ciliumEndpoint,
    { namespace, name: pod.name },
    ([endpoint]) => (endpoint === undefined ? notYet("none") : ready(undefined)),
    { what: `the CiliumEndpoint of ${pod.name} in ${cluster.name}`, ...at },
  );
  const sinceUnixMs = unixNowMs();
  await pause(forMs, signal);
  return (await continueAt(others, kvstoreMeshProcess, signal)).atUnixMs - sinceUnixMs;
}

async function podsOf({ namespace }: SuiteFaultContext, { kube }: Cluster): Promise<Set<string>> {
  return new Set((await kube.list(kinds.pod, namespace)).map((p) => String(p.metadata.uid)));
}

export const syncThresholdFaults: readonly Fault[] = thresholds.map(syncHeld);
