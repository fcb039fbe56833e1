import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { onNode } from "#harness/cluster/kind-cluster.ts";
import { messageOf } from "#harness/core/errors.ts";
import { kinds } from "#harness/kube/kube.ts";
import type { Mesh } from "#harness/mesh/mesh.ts";
import { agentsOf } from "./agent.ts";
import { kvstoreMeshStatus, kvstoreMeshTroubleshoot } from "./kvstore-mesh.ts";
import { redact } from "./redact.ts";

const limitBytes = 512 * 1024;
const collectMs = 60_000;

/** What an agent says of itself, one file each; bounded in time and size. */
const agentCommands: readonly (readonly string[])[] = [
  ["cilium-dbg", "status", "--verbose"],
  ["cilium-dbg", "node", "list", "-o", "json"],
  ["cilium-health", "status", "-o", "json"],
  ["cilium-dbg", "service", "list", "-o", "json"],
  ["cilium-dbg", "bpf", "lb", "list", "-o", "json"],
  ["cilium-dbg", "bpf", "ipcache", "list", "-o", "json"],
  ["cilium-dbg", "identity", "list", "-o", "json"],
  ["cilium-dbg", "endpoint", "list", "-o", "json"],
  ["cilium-dbg", "bpf", "metrics", "list", "-o", "json"],
  ["cilium-dbg", "troubleshoot", "clustermesh"],
];

/**
 * State of every cluster, collected before clean-up: agents, logs, events, objects, node firewalls and routes. Each
 * part fails alone; what could not be had is written down where it would have been.
 */
export async function collectEvidence(mesh: Mesh, namespace: string, dir: string): Promise<void> {
  const signal = AbortSignal.timeout(collectMs);
  await Promise.all(
    mesh.clusters.map((cluster) => collectCluster(cluster, namespace, join(dir, cluster.name), signal)),
  );
}

async function collectCluster(
  cluster: Cluster,
  namespace: string,
  dir: string,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(dir, { recursive: true });
  const keep = async (name: string, read: () => Promise<string>): Promise<void> => {
    const text = await read().catch((error: unknown) => `could not be collected: ${messageOf(error)}\n`);
    await writeFile(join(dir, name), redact(text).slice(-limitBytes));
  };
  const objects = async (): Promise<void> => {
    for (const kind of [
      kinds.pod,
      kinds.service,
      kinds.endpointSlice,
      kinds.deployment,
      kinds.event,
      kinds.ciliumEndpoint,
      kinds.ciliumNetworkPolicy,
    ]) {
      await keep(`${kind.plural}.json`, async () =>
        JSON.stringify(
          [...(await cluster.kube.list(kind, namespace)), ...(await cluster.kube.list(kind, "kube-system"))],
          null,
          1,
        ),
      );
    }
    await keep("nodes.json", async () => JSON.stringify(await cluster.kube.list(kinds.node), null, 1));
    await keep("ciliumidentities.json", async () =>
      JSON.stringify(await cluster.kube.list(kinds.ciliumIdentity), null, 1),
    );
    await keep("cilium-config.json", async () =>
      JSON.stringify(
        (await cluster.kube.get(kinds.configMap, "kube-system", "cilium-config"))?.data ?? {},
        null,
        1,
      ),
    );
  };
  const agents = async (): Promise<void> => {
    for (const agent of await agentsOf(cluster, signal).catch(() => [])) {
      for (const argv of agentCommands) {
        await keep(
          `${agent.node}-${argv.filter((a) => !a.startsWith("-") && a !== "json").join("-")}.txt`,
          () => agent.run(argv, 15_000),
        );
      }
    }
  };
  const logs = async (): Promise<void> => {
    const pods = await cluster.kube.list(kinds.pod, "kube-system").catch(() => []);
    for (const pod of pods.filter((p) => /^(cilium|clustermesh)/.test(p.metadata.name))) {
      for (const container of pod.spec.containers as { name: string }[]) {
        await keep(`log-${pod.metadata.name}-${container.name}.txt`, () =>
          cluster.kube.logs("kube-system", pod.metadata.name, container.name, { limitBytes }),
        );
      }
    }
  };
  const nodes = async (): Promise<void> => {
    for (const node of await cluster.nodes().catch(() => [])) {
      await keep(
        `${node.name}-network.txt`,
        async () =>
          (
            await onNode(node.name, ["sh", "-c", "iptables-save -c; ip route; ip addr; ip neigh"], {
              signal,
              tolerate: true,
            })
          ).stdout,
      );
    }
  };
  const kvstoreMesh = async (): Promise<void> => {
    await keep("kvstoremesh-status.json", async () =>
      JSON.stringify(await kvstoreMeshStatus(cluster, signal), null, 1),
    );
    await keep("kvstoremesh-troubleshoot.txt", () => kvstoreMeshTroubleshoot(cluster, signal));
  };
  await Promise.all([objects(), agents(), logs(), nodes(), kvstoreMesh()]);
}
