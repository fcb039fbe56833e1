import type { Cluster } from "#harness/cluster/cluster.ts";
import { apiserverSelector } from "#harness/cluster/selectors.ts";
import { kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { RemoteClusterStatus } from "#harness/model/snapshot.ts";
import { meshLines, meshLogBytes } from "../agent/mesh-log.ts";
import { parseKvstoreMesh } from "../agent/parse.ts";

/** What a cluster's KVStoreMesh, in its clustermesh-apiserver pod, reports about the other clusters. */
export async function kvstoreMeshStatus(
  cluster: Cluster,
  signal: AbortSignal,
): Promise<RemoteClusterStatus[]> {
  return parseKvstoreMesh(await kvstoreMeshStatusText(cluster, signal));
}

/** The same as the tool prints it, in JSON. */
export function kvstoreMeshStatusText(cluster: Cluster, signal: AbortSignal): Promise<string> {
  return kvstoreMeshDbg(cluster, ["status", "-o", "json"], signal);
}

/** `kvstoremesh-dbg troubleshoot`: DNS, TCP, TLS and etcd towards each peer, as text. */
export function kvstoreMeshTroubleshoot(cluster: Cluster, signal: AbortSignal): Promise<string> {
  return kvstoreMeshDbg(cluster, ["troubleshoot"], signal);
}

/** The lines of its log about peers. */
export async function kvstoreMeshLog(cluster: Cluster): Promise<string> {
  const pod = await apiserverPod(cluster);
  return meshLines(await cluster.kube.logs("kube-system", pod, "kvstoremesh", { limitBytes: meshLogBytes }));
}

async function apiserverPod(cluster: Cluster): Promise<string> {
  const pods = await cluster.kube.list(kinds.pod, "kube-system", apiserverSelector);
  const pod = pods.find((p) => p.metadata.deletionTimestamp === undefined);
  if (pod === undefined)
    throw new MeshproofError("kube-request", `cluster ${cluster.name} has no clustermesh-apiserver pod`);
  return pod.metadata.name;
}

async function kvstoreMeshDbg(
  cluster: Cluster,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const result = await cluster.kube.exec(
    {
      namespace: "kube-system",
      pod: await apiserverPod(cluster),
      container: "kvstoremesh",
      argv: ["/usr/bin/clustermesh-apiserver", "kvstoremesh-dbg", ...argv],
    },
    { signal, timeoutMs: 20_000 },
  );
  if (result.exitCode !== 0)
    throw new MeshproofError(
      "kube-request",
      `kvstoremesh-dbg ${argv[0]} in ${cluster.name} exited with code ${result.exitCode}: ${(result.stderr || result.stdout).trim().slice(0, 300)}`,
    );
  return result.stdout;
}
