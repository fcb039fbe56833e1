import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { agentsOf } from "#harness/cilium/agent/agent.ts";
import {
  kvstoreMeshLog,
  kvstoreMeshStatusText,
  kvstoreMeshTroubleshoot,
} from "#harness/cilium/kvstoremesh/kvstore-mesh.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { onNode } from "#harness/cluster/kind/kind-cluster.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { type KindRef, type KubeObject, kinds } from "#harness/kube/kube.ts";
import { messageOf } from "#harness/lib/errors.ts";
import { redact } from "./redact.ts";

/** File name to text, of one cluster. A file that could not be had holds `notCollected` and why. */
export type ClusterEvidence = ReadonlyMap<string, string>;
export const notCollected = "could not be collected: ";

export interface EvidenceOptions {
  readonly logs: boolean;
  /** cilium-bugtool on every agent too: half a minute of a core each. */
  readonly bugtool?: boolean;
}

const limitBytes = 4 * 1024 ** 2;
const logBytes = 512 * 1024;
const bugtoolBytes = 16 * 1024 ** 2;
const collectMs = 60_000;
const collectWithBugtoolMs = 180_000;

/** What an agent says of itself, one file each; `diagnose` reads those in JSON. */
const agentFiles: Readonly<Record<string, readonly string[]>> = {
  "status.json": ["cilium-dbg", "status", "-o", "json"],
  "status.txt": ["cilium-dbg", "status", "--verbose"],
  "node-list.json": ["cilium-dbg", "node", "list", "-o", "json"],
  "health.json": ["cilium-health", "status", "-o", "json"],
  "service-list.json": ["cilium-dbg", "service", "list", "-o", "json"],
  "lb.json": ["cilium-dbg", "bpf", "lb", "list", "-o", "json"],
  "ipcache.json": ["cilium-dbg", "bpf", "ipcache", "list", "-o", "json"],
  "identities.json": ["cilium-dbg", "identity", "list", "-o", "json"],
  "endpoints.json": ["cilium-dbg", "endpoint", "list", "-o", "json"],
  "metrics.json": ["cilium-dbg", "bpf", "metrics", "list", "-o", "json"],
  "troubleshoot.txt": ["cilium-dbg", "troubleshoot", "clustermesh"],
};

const objectKinds: readonly KindRef[] = [
  kinds.node,
  kinds.service,
  kinds.endpointSlice,
  kinds.deployment,
  kinds.daemonSet,
  kinds.event,
  kinds.ciliumNode,
  kinds.ciliumIdentity,
  kinds.networkPolicy,
  kinds.ciliumNetworkPolicy,
];

/** Firewall rules with their counters, in the node's network namespace and in those of its pods; then what is stopped. */
const nodeScript = `
echo '# firewall'; iptables-save -c
for pid in $(lsns -t net -n -o PID); do
  [ "$pid" = 1 ] && continue
  rules=$(nsenter -t $pid -n iptables-save -c 2>/dev/null | grep -e ' -A ')
  [ -n "$rules" ] && echo "# firewall of pod $(nsenter -t $pid -n ip -4 -o addr show eth0 | sed 's/.* inet \\([0-9.]*\\).*/\\1/')" && echo "$rules"
done
echo '# stopped processes'; ps -eo stat,pid,args | grep '^T'
echo '# routing rules'; ip rule
echo '# network'; ip route; ip addr; ip neigh
`;

/**
 * State of every cluster, collected before clean-up: agents, KVStoreMesh, logs, objects, node firewalls and routes.
 * In parallel, bounded in time and size, redacted. Each part fails alone.
 */
export async function collectEvidence(
  mesh: Mesh,
  options: EvidenceOptions,
): Promise<Map<string, ClusterEvidence>> {
  const signal = AbortSignal.timeout(options.bugtool === true ? collectWithBugtoolMs : collectMs);
  const collected = await Promise.all(
    mesh.clusters.map(async (c) => [c.name, await collectCluster(c, options, signal)] as const),
  );
  return new Map(collected);
}

/** One folder a cluster, one file each. */
export async function writeEvidence(
  evidence: ReadonlyMap<string, ClusterEvidence>,
  dir: string,
): Promise<void> {
  for (const [cluster, files] of evidence) {
    await mkdir(join(dir, cluster), { recursive: true });
    for (const [name, text] of files) await writeFile(join(dir, cluster, name), text);
  }
}

async function collectCluster(
  cluster: Cluster,
  options: EvidenceOptions,
  signal: AbortSignal,
): Promise<ClusterEvidence> {
  const files = new Map<string, string>();
  const keep = async (name: string, read: () => Promise<string>, limit = limitBytes): Promise<void> => {
    const text = await withinTime(read, signal).catch(
      (error: unknown) => `${notCollected}${messageOf(error)}\n`,
    );
    files.set(name, redact(text).slice(-limit));
  };
  const json = (name: string, read: () => Promise<unknown>): Promise<void> =>
    keep(name, async () => JSON.stringify(await read(), null, 1));
  const agents = async (): Promise<void> => {
    const found = await agentsOf(cluster, signal).catch(() => []);
    await Promise.all(
      found.map(async (agent) => {
        await keep(`agent-${agent.node}-log.txt`, () => agent.meshLog());
        // One after the other on each agent: together they would be a load of their own.
        for (const [file, argv] of Object.entries(agentFiles)) {
          const name = `agent-${agent.node}-${file}`;
          await keep(name, () => agent.run(argv, 10_000));
          // An agent that does not answer is not asked ten times over.
          if (file === "status.json" && files.get(name)?.startsWith(notCollected) === true) break;
        }
      }),
    );
  };
  // Its own archive could not be redacted: its text files are taken, one after the other.
  const bugtool = async (): Promise<void> => {
    const dir = "/tmp/meshproof-bugtool";
    const script = `cilium-bugtool -t ${dir} --archive=false >/dev/null 2>&1; cd ${dir} && find . -type f -size -256k | sort | while read f; do echo "==> $f"; cat "$f"; echo; done; rm -rf ${dir}`;
    const found = await agentsOf(cluster, signal).catch(() => []);
    for (const agent of found)
      await keep(
        `agent-${agent.node}-bugtool.txt`,
        () => agent.run(["bash", "-c", script], collectMs),
        bugtoolBytes,
      );
  };
  const logs = async (): Promise<void> => {
    const pods = await cluster.kube.list(kinds.pod, "kube-system").catch(() => []);
    for (const pod of pods.filter((p) => /^(cilium|clustermesh)/.test(p.metadata.name))) {
      for (const container of pod.spec.containers as { name: string }[]) {
        await keep(
          `log-${pod.metadata.name}-${container.name}.txt`,
          () => cluster.kube.logs("kube-system", pod.metadata.name, container.name, { limitBytes: logBytes }),
          logBytes,
        );
      }
    }
  };
  const nodes = async (): Promise<void> => {
    const found = await cluster.nodes().catch(() => []);
    files.set("containers.json", JSON.stringify(found));
    await Promise.all(
      found
        .filter((n) => n.running)
        .map((n) =>
          keep(`node-${n.name}.txt`, async () => {
            const told = await onNode(n.name, ["sh", "-c", nodeScript], {
              signal,
              tolerate: true,
              timeoutMs: 15_000,
            });
            return told.stdout;
          }),
        ),
    );
  };
  const endpointsBefore = await cluster.kube.list(kinds.ciliumEndpoint).catch(() => []);
  await Promise.all([
    agents(),
    nodes(),
    ...(options.logs ? [logs()] : []),
    ...(options.bugtool === true ? [bugtool()] : []),
    ...objectKinds.map((kind) =>
      json(`${kind.plural}.json`, async () => (await cluster.kube.list(kind)).map(slim)),
    ),
    json("cilium-config.json", async () => await configOf(cluster)),
    json("peers.json", async () => await peersOf(cluster)),
    ...(cluster.hasKvstoreMesh
      ? [
          keep("kvstoremesh-status.json", () => kvstoreMeshStatusText(cluster, signal)),
          keep("kvstoremesh-log.txt", () => kvstoreMeshLog(cluster)),
          keep("kvstoremesh-troubleshoot.txt", () => kvstoreMeshTroubleshoot(cluster, signal)),
        ]
      : []),
  ]);
  // Endpoints that came or went meanwhile would look like contradictions: only those of both lists are kept.
  const before = new Set(endpointsBefore.map((e) => e.metadata.uid));
  await json("ciliumendpoints.json", async () =>
    (await cluster.kube.list(kinds.ciliumEndpoint)).filter((e) => before.has(e.metadata.uid)).map(slim),
  );
  await json("pods.json", async () => (await cluster.kube.list(kinds.pod)).map(slim));
  return files;
}

async function configOf(cluster: Cluster): Promise<Record<string, string>> {
  return (await cluster.kube.get(kinds.configMap, "kube-system", "cilium-config"))?.data ?? {};
}

/** Which clusters agents and KVStoreMesh are told to connect to, and where; keys and certificates stay out. */
async function peersOf(cluster: Cluster): Promise<Record<string, Record<string, string[]>>> {
  const read = async (name: string): Promise<Record<string, string[]>> => {
    const secret = await cluster.kube.get(kinds.secret, "kube-system", name);
    const entries = Object.entries((secret?.data ?? {}) as Record<string, string>).map(
      ([key, data]) => [key, Buffer.from(data, "base64").toString()] as const,
    );
    return Object.fromEntries(
      entries
        .filter(([, text]) => text.includes("endpoints:"))
        .map(([key, text]) => [key, [...text.matchAll(/^- (\S+)/gm)].map((m) => m[1]!)]),
    );
  };
  return { agents: await read("cilium-clustermesh"), kvstoreMesh: await read("cilium-kvstoremesh") };
}

/** Without what only the API server needs. */
function slim(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata as KubeObject["metadata"] & {
    managedFields?: unknown;
  };
  return { ...object, metadata };
}

async function withinTime<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return Promise.race([
    read(),
    new Promise<never>((_, reject) =>
      signal.addEventListener("abort", () => reject(new Error("it took too long")), { once: true }),
    ),
  ]);
}
