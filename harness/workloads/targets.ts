import type { Cluster } from "#harness/cluster/cluster.ts";
import { daemonSetReady, podReady } from "#harness/kube/conditions.ts";
import { kinds } from "#harness/kube/kube.ts";
import { notYet, ready } from "#harness/lib/eventually.ts";
import { echoDaemonSet } from "./echo.ts";
import { requireEveryNode } from "./vantage.ts";

const name = "target";

/** An echo pod on one node. */
export interface Target {
  readonly pod: string;
  readonly node: string;
  readonly ip: string;
  /** Defined if the cluster is dual-stack. */
  readonly ip6: string | undefined;
}

interface Waiting {
  readonly withinMs: number;
  readonly signal: AbortSignal;
}

/** Deploys an echo pod on every node of every cluster and waits until all are ready. */
export async function deployTargets(
  clusters: readonly Cluster[],
  options: Waiting & { readonly namespace: string; readonly image: string },
): Promise<void> {
  const { namespace, image, withinMs, signal } = options;
  await Promise.all(
    clusters.map(async ({ kube }) => {
      await kube.apply(echoDaemonSet({ namespace, name, image }));
      await kube.until(kinds.daemonSet, { namespace, name }, daemonSetReady, {
        what: "a target pod on every node",
        withinMs,
        signal,
      });
    }),
  );
}

/** The targets of a cluster, one for every node of the API server, once all of them are ready. */
export async function targetsOf(cluster: Cluster, namespace: string, waiting: Waiting): Promise<Target[]> {
  const pods = await cluster.kube.until(
    kinds.pod,
    { namespace, labelSelector: `app=${name}` },
    (found) =>
      found.length > 0 && found.every(podReady)
        ? ready([...found])
        : notYet(`${found.filter(podReady).length} of ${found.length} targets ready`),
    { what: `the target pods of ${cluster.name}`, ...waiting },
  );
  const targets = pods.map((p) => ({
    pod: p.metadata.name,
    node: String(p.spec.nodeName),
    ip: String(p.status.podIP),
    ip6: ((p.status.podIPs ?? []) as { ip: string }[]).map((a) => a.ip).find((ip) => ip.includes(":")),
  }));
  await requireEveryNode(cluster.kube, targets, "target pod");
  return targets;
}
