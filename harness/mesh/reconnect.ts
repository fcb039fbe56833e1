import type { Cluster } from "#harness/cluster/cluster.ts";
import { wallLabel } from "#harness/core/clock.ts";
import { MeshproofError } from "#harness/core/errors.ts";
import { kinds } from "#harness/kube/kube.ts";

const secretName = "cilium-clustermesh";

/**
 * Agents start long before clustermesh-apiserver and their etcd client backs off meanwhile, for half a minute or more
 * past its readiness. An entry of their configuration that changes, if only by a comment, makes them connect anew at
 * once (pkg/clustermesh/common/config.go); an annotation on the pod makes kubelet renew the mounted secret now rather
 * than within its minute.
 */
export async function reconnectAgents(cluster: Cluster): Promise<void> {
  const secret = await cluster.kube.get(kinds.secret, "kube-system", secretName);
  const entries = Object.entries((secret?.data ?? {}) as Record<string, string>);
  if (entries.length === 0)
    throw new MeshproofError(
      "mesh-not-ready",
      `secret ${secretName} of ${cluster.name} has no remote cluster`,
    );
  const stamp = wallLabel();
  const changed = entries.map(([name, data]) => [name, Buffer.from(renewed(data, stamp)).toString("base64")]);
  await cluster.kube.merge(kinds.secret, "kube-system", secretName, { data: Object.fromEntries(changed) });
  await renewPods(cluster, "k8s-app=cilium", stamp);
}

/** Makes kubelet renew what is mounted into pods of kube-system. */
export async function renewPods(cluster: Cluster, selector: string, stamp: string): Promise<void> {
  for (const pod of await cluster.kube.list(kinds.pod, "kube-system", selector))
    await cluster.kube.merge(kinds.pod, "kube-system", pod.metadata.name, {
      metadata: { annotations: { "io.meshproof/renewed": stamp } },
    });
}

const marker = "# meshproof: connect anew,";

function renewed(data: string, stamp: string): string {
  const lines = Buffer.from(data, "base64").toString().trimEnd().split("\n");
  return `${[...lines.filter((l) => !l.startsWith(marker)), `${marker} ${stamp}`].join("\n")}\n`;
}
