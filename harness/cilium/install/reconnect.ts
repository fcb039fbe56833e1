import type { Cluster } from "#harness/cluster/cluster.ts";
import { agentSelector, apiserverSelector } from "#harness/cluster/selectors.ts";
import { kinds } from "#harness/kube/kube.ts";
import { wallLabel } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { EventuallyOptions } from "#harness/lib/eventually.ts";
import { awaitKvstoreMeshed, awaitMeshed } from "../agent/meshed.ts";

/** Which component reads which secret to find the other clusters. */
export const readers = {
  agents: { secret: "cilium-clustermesh", selector: agentSelector },
  kvstoreMesh: { secret: "cilium-kvstoremesh", selector: apiserverSelector },
} as const;

/**
 * Agents start long before clustermesh-apiserver, and their etcd client backs off meanwhile, until half a minute or
 * more after clustermesh-apiserver is ready. A change of an entry of their configuration, even of a comment, makes
 * them reconnect at once (pkg/clustermesh/common/config.go); an annotation on the pod makes kubelet update the
 * mounted secret now instead of within a minute.
 */
export async function reconnectAgents(cluster: Cluster): Promise<void> {
  await renew(cluster, "agents");
}

/**
 * Reconnects every agent and KVStoreMesh and waits for it. KVStoreMesh comes first, where there is one: agents take a
 * peer's id from its cache, and would keep a wrong id for as long as they are connected.
 */
export async function reconnectAll(
  clusters: readonly Cluster[],
  options: Omit<EventuallyOptions, "what">,
): Promise<void> {
  await Promise.all(
    clusters.filter((c) => c.capabilities.hasKvstoreMesh).map((c) => renew(c, "kvstoreMesh")),
  );
  await awaitKvstoreMeshed(clusters, options);
  await Promise.all(clusters.map(reconnectAgents));
  await awaitMeshed(clusters, options);
}

async function renew(cluster: Cluster, who: keyof typeof readers): Promise<void> {
  const { secret: name, selector } = readers[who];
  const secret = await cluster.kube.get(kinds.secret, "kube-system", name);
  const entries = Object.entries((secret?.data ?? {}) as Record<string, string>).filter(([, data]) =>
    Buffer.from(data, "base64").toString().includes("endpoints:"),
  );
  if (entries.length === 0)
    throw new MeshproofError("mesh-not-ready", `secret ${name} of ${cluster.name} has no remote cluster`);
  const stamp = wallLabel();
  const changed = entries.map(([key, data]) => [key, Buffer.from(renewed(data, stamp)).toString("base64")]);
  await cluster.kube.merge(kinds.secret, "kube-system", name, { data: Object.fromEntries(changed) });
  await renewPods(cluster, selector, stamp);
}

/** Makes kubelet update what is mounted into pods of kube-system. */
export async function renewPods({ kube }: Cluster, selector: string, stamp: string): Promise<void> {
  for (const { metadata } of await kube.list(kinds.pod, "kube-system", selector))
    try {
      await kube.merge(kinds.pod, "kube-system", metadata.name, {
        metadata: { annotations: { "io.meshproof/renewed": stamp } },
      });
    } catch (error) {
      // A pod that ended after it was listed (scaled down, replaced) needs no update.
      if ((await kube.get(kinds.pod, "kube-system", metadata.name)) !== undefined) throw error;
    }
}

const marker = "# meshproof:";

function renewed(data: string, stamp: string): string {
  const lines = Buffer.from(data, "base64").toString().trimEnd().split("\n");
  return `${[...lines.filter((l) => !l.startsWith(marker)), `${marker} reconnect, ${stamp}`].join("\n")}\n`;
}
