import type { Cluster } from "#harness/cluster/cluster.ts";
import { kinds } from "#harness/kube/kube.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { echoDeployment, echoService } from "./echo.ts";
import { askFrom, systemNamespace, vantagesOf } from "./vantage.ts";

const canaryName = (backendCluster: string): string => `canary-${backendCluster}`;

/**
 * The mesh is up when, for each cluster, a global service with backends only there answers from every node of every
 * other cluster. `cilium clustermesh status` is not sufficient: it can be green while stores are stopped (issue
 * 48555).
 */
export async function deployCanary(clusters: readonly Cluster[], agnhostImage: string): Promise<void> {
  for (const cluster of clusters) {
    for (const backendCluster of clusters) {
      await cluster.kube.apply(
        echoService({
          namespace: systemNamespace,
          name: canaryName(backendCluster.name),
          selector: { app: canaryName(backendCluster.name) },
          annotations: { [annotation.global]: "true" },
        }),
      );
    }
    await cluster.kube.apply(
      echoDeployment({
        namespace: systemNamespace,
        name: canaryName(cluster.name),
        image: agnhostImage,
        replicas: 1,
        labels: {},
      }),
    );
  }
}

/** `clients`: the clusters whose nodes ask. */
export async function awaitCanary(
  clusters: readonly Cluster[],
  withinMs: number,
  signal: AbortSignal,
  clients: readonly Cluster[] = clusters,
): Promise<void> {
  await Promise.all(
    clients.flatMap((from) =>
      clusters.filter((c) => c !== from).map((c) => awaitDirection(from, c, withinMs, signal)),
    ),
  );
}

async function awaitDirection(
  from: Cluster,
  backendCluster: Cluster,
  withinMs: number,
  signal: AbortSignal,
): Promise<void> {
  await eventually(
    async () => {
      const service = await from.kube.get(kinds.service, systemNamespace, canaryName(backendCluster.name));
      const ip = service?.spec?.clusterIP as string | undefined;
      if (ip === undefined) return notYet(`no service ${canaryName(backendCluster.name)} in ${from.name}`);
      const vantages = await vantagesOf(from.kube);
      const nodes = await from.nodes();
      const silent = nodes
        .filter((n) => !vantages.some((v) => v.node === n.name))
        .map((n) => `${n.name} (no prober pod)`);
      const replies = await Promise.all(
        vantages.map(async (v) => ({
          node: v.node,
          reply: await askFrom(
            from.kube,
            v,
            {
              asks: [{ protocol: "http", host: ip, port: 80, path: "/hostname", count: 1 }],
              timeoutMs: 1000,
              concurrency: 1,
            },
            signal,
          ),
        })),
      );
      for (const { node, reply } of replies) {
        const { outcome } = found(reply.answers[0]?.[0], `answer of the prober on ${node} of ${from.name}`);
        if (outcome !== "ok") silent.push(`${node} (${outcome})`);
      }
      return silent.length === 0 && vantages.length > 0
        ? ready(undefined)
        : notYet(`no answer on ${silent.join(", ")}`);
    },
    {
      what: `canary ${backendCluster.name} to answer from every node of ${from.name}`,
      withinMs,
      everyMs: 500,
      signal,
    },
  );
}
