import type { Cluster } from "#harness/cluster/cluster.ts";
import { apiserverSelector } from "#harness/cluster/selectors.ts";
import { isEnded } from "#harness/kube/conditions.ts";
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

/** The same as the tool prints it, in JSON; of one replica. */
export function kvstoreMeshStatusText(cluster: Cluster, signal: AbortSignal, pod?: string): Promise<string> {
  return kvstoreMeshDbg(cluster, ["status", "-o", "json"], { signal, pod });
}

/** `kvstoremesh-dbg troubleshoot`: DNS, TCP, TLS and etcd towards each peer, as text; of one replica. */
export function kvstoreMeshTroubleshoot(
  cluster: Cluster,
  signal: AbortSignal,
  pod?: string,
): Promise<string> {
  return kvstoreMeshDbg(cluster, ["troubleshoot"], { signal, pod });
}

/** The lines of its log about peers, and about requests that the API server refused; of one replica. */
export async function kvstoreMeshLog(cluster: Cluster, replica?: string): Promise<string> {
  const pod = replica ?? (await firstPod(cluster));
  return meshLines(await cluster.kube.logs("kube-system", pod, "kvstoremesh", { limitBytes: meshLogBytes }));
}

/** The pods of clustermesh-apiserver. Each replica has a KVStoreMesh and an etcd of its own. */
export async function apiserverPods(cluster: Cluster): Promise<string[]> {
  const pods = await cluster.kube.list(kinds.pod, "kube-system", apiserverSelector);
  return pods
    .filter((p) => p.metadata.deletionTimestamp === undefined && !isEnded(p.status?.phase))
    .map((p) => p.metadata.name)
    .sort();
}

async function firstPod(cluster: Cluster): Promise<string> {
  const [pod] = await apiserverPods(cluster);
  if (pod === undefined)
    throw new MeshproofError("kube-request", `cluster ${cluster.name} has no clustermesh-apiserver pod`);
  return pod;
}

async function kvstoreMeshDbg(
  cluster: Cluster,
  argv: readonly string[],
  of: { readonly signal: AbortSignal; readonly pod: string | undefined },
): Promise<string> {
  const pod = of.pod ?? (await firstPod(cluster));
  const result = await cluster.kube.exec(
    {
      namespace: "kube-system",
      pod,
      container: "kvstoremesh",
      argv: ["/usr/bin/clustermesh-apiserver", "kvstoremesh-dbg", ...argv],
    },
    { signal: of.signal, timeoutMs: 20_000 },
  );
  if (result.exitCode !== 0)
    throw new MeshproofError(
      "kube-request",
      `kvstoremesh-dbg ${argv[0]} in ${pod} of ${cluster.name} exited with code ${result.exitCode}: ${(result.stderr || result.stdout).trim().slice(0, 300)}`,
    );
  return result.stdout;
}
