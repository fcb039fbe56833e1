import type { Cluster } from "#harness/cluster/cluster.ts";
import { MeshproofError } from "#harness/core/errors.ts";
import type { RemoteClusterStatus } from "#harness/core/snapshot.ts";
import { kinds } from "#harness/kube/kube.ts";
import { parseKvstoreMesh } from "./parse.ts";

/** What a cluster's KVStoreMesh, in its clustermesh-apiserver pod, says of the other clusters. */
export async function kvstoreMeshStatus(
  cluster: Cluster,
  signal: AbortSignal,
): Promise<RemoteClusterStatus[]> {
  return parseKvstoreMesh(await kvstoreMeshDbg(cluster, ["status", "-o", "json"], signal));
}

/** `kvstoremesh-dbg troubleshoot`: DNS, TCP, TLS and etcd towards each peer, as text. */
export function kvstoreMeshTroubleshoot(cluster: Cluster, signal: AbortSignal): Promise<string> {
  return kvstoreMeshDbg(cluster, ["troubleshoot"], signal);
}

async function kvstoreMeshDbg(
  cluster: Cluster,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const pods = await cluster.kube.list(kinds.pod, "kube-system", "k8s-app=clustermesh-apiserver");
  const pod = pods.find((p) => p.metadata.deletionTimestamp === undefined);
  if (pod === undefined)
    throw new MeshproofError("kube-request", `cluster ${cluster.name} has no clustermesh-apiserver pod`);
  const result = await cluster.kube.exec(
    "kube-system",
    pod.metadata.name,
    "kvstoremesh",
    ["/usr/bin/clustermesh-apiserver", "kvstoremesh-dbg", ...argv],
    { signal, timeoutMs: 20_000 },
  );
  if (result.exitCode !== 0)
    throw new MeshproofError(
      "kube-request",
      `kvstoremesh-dbg ${argv[0]} in ${cluster.name} ended with ${result.exitCode}: ${(result.stderr || result.stdout).trim().slice(0, 300)}`,
    );
  return result.stdout;
}
