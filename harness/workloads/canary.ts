import type { Cluster } from "#harness/cluster/cluster.ts";
import { kinds } from "#harness/kube/kube.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { echoDeployment, echoService } from "./echo.ts";
import { askFrom, systemNamespace, vantagesOf } from "./vantage.ts";

const canaryName = (home: string): string => `canary-${home}`;

/**
 * The mesh counts as up when a global service whose backends are in one cluster only answers from every node of
 * every other. `cilium clustermesh status` is no gate: it can be green while stores are stopped (issue 48555).
 */
export async function deployCanary(clusters: readonly Cluster[], agnhostImage: string): Promise<void> {
  for (const cluster of clusters) {
    for (const home of clusters) {
      await cluster.kube.apply(
        echoService({
          namespace: systemNamespace,
          name: canaryName(home.name),
          selector: { app: canaryName(home.name) },
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

export async function awaitCanary(
  clusters: readonly Cluster[],
  withinMs: number,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(
    clusters.flatMap((from) =>
      clusters.filter((home) => home !== from).map((home) => awaitDirection(from, home, withinMs, signal)),
    ),
  );
}

async function awaitDirection(
  from: Cluster,
  home: Cluster,
  withinMs: number,
  signal: AbortSignal,
): Promise<void> {
  await eventually(
    async () => {
      const service = await from.kube.get(kinds.service, systemNamespace, canaryName(home.name));
      const ip = service?.spec?.clusterIP as string | undefined;
      if (ip === undefined) return notYet(`no service ${canaryName(home.name)} in ${from.name}`);
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
    { what: `canary ${home.name} to answer from every node of ${from.name}`, withinMs, everyMs: 500, signal },
  );
}
