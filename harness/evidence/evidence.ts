import { join } from "node:path";
import { agentsOf } from "#harness/cilium/agent/agent.ts";
import { encryptionCommand } from "#harness/cilium/agent/encryption.ts";
import { meshLogBytes } from "#harness/cilium/agent/mesh-log.ts";
import { unitsScript } from "#harness/cilium/agent/node-units.ts";
import { programsCommand } from "#harness/cilium/agent/programs.ts";
import { refusalLines } from "#harness/cilium/agent/refusal-log.ts";
import { runningCommand } from "#harness/cilium/agent/running.ts";
import { bgpKinds } from "#harness/cilium/announcements.ts";
import { kvstoreState } from "#harness/cilium/kvstore/shared-state.ts";
import {
  apiserverPods,
  kvstoreMeshLog,
  kvstoreMeshStatusText,
  kvstoreMeshTroubleshoot,
} from "#harness/cilium/kvstoremesh/kvstore-mesh.ts";
import { ciliumEndpointStates } from "#harness/cilium/object-states.ts";
import { type Cluster, localNode } from "#harness/cluster/cluster.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { onNode } from "#harness/cluster/node.ts";
import { agentSelector, operatorSelector } from "#harness/cluster/selectors.ts";
import { type KindRef, type KubeObject, kinds } from "#harness/kube/kube.ts";
import { isSelfManaged } from "#harness/kube/namespace.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { messageOf } from "#harness/lib/errors.ts";
import { writeReportFile } from "#harness/platform/report-files.ts";
import { redactSecrets } from "#harness/platform/secrets/index.ts";
import { certificatesOf, meshUsersOf } from "./certificates.ts";
import { changedBetween, type Watermark, watermark } from "./changing.ts";
import { type CollectedWhole, collectedObject } from "./collected-fields.ts";

/** File name to text, of one cluster. A file that could not be collected holds `notCollected` and the reason. */
export type ClusterEvidence = ReadonlyMap<string, string>;
export const notCollected = "could not be collected: ";
/** The same for a file that an archive lacks: that nobody asked for it does not show that something fails. */
export const notSupplied = "not supplied: ";
/** A file of one replica of clustermesh-apiserver, where there are several; `file` is its name where there is one. */
export const replicaFile = (pod: string, file: string): string => `replica-${pod}-${file}`;

export interface EvidenceOptions {
  readonly logs: boolean;
  /** Runs cilium-bugtool on every agent too, which takes half a minute of a core for each. */
  readonly bugtool?: boolean;
}

const limitBytes = 4 * 1024 ** 2;
const logBytes = 512 * 1024;
const bugtoolBytes = 16 * 1024 ** 2;
/** A few hundred bytes for each pod of the mesh. */
const kvstoreBytes = 32 * 1024 ** 2;
const collectMs = 60_000;
const collectWithBugtoolMs = 180_000;

/** Commands that print an agent's state, one file each; `diagnose` reads those in JSON. */
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
  "running.txt": runningCommand,
  "programs.txt": programsCommand,
  "encryption.txt": encryptionCommand,
  "troubleshoot.txt": ["cilium-dbg", "troubleshoot", "clustermesh"],
};

const objectKinds: readonly KindRef[] = [
  kinds.namespace,
  kinds.node,
  kinds.service,
  kinds.endpointSlice,
  kinds.deployment,
  kinds.daemonSet,
  kinds.event,
  kinds.ciliumNode,
  kinds.ciliumNodeConfig,
  kinds.ciliumCidrGroup,
  kinds.ciliumIdentity,
  kinds.networkPolicy,
  kinds.ciliumNetworkPolicy,
  kinds.ciliumClusterwideNetworkPolicy,
  kinds.validatingWebhook,
  kinds.mutatingWebhook,
];

/** Files of bugtool with the traffic of other users' pods: names that they resolve, requests, command lines. */
const otherPeoples = ["*fqdn*", "*hubble*", "*cilium-monitor*", "ps-*", "*environ*"]
  .map((name) => `! -name '${name}'`)
  .join(" ");

/**
 * Prints firewall rules with their counters, in the network namespaces of the node and of its pods; then stopped
 * processes.
 */
const nodeScript = `
echo '# firewall'; iptables-save -c
for pid in $(lsns -t net -n -o PID); do
  [ "$pid" = 1 ] && continue
  rules=$(nsenter -t $pid -n iptables-save -c 2>/dev/null | grep -e ' -A ' -e '^[*]')
  case "$rules" in *' -A '*) echo "# firewall of pod $(nsenter -t $pid -n ip -4 -o addr show eth0 | sed 's/.* inet \\([0-9.]*\\).*/\\1/') pid $pid" && echo "$rules";; esac
done
echo '# stopped processes'; ps -eo stat,pid,args | grep '^T'
${unitsScript}
echo '# routing rules'; ip rule
echo '# nftables'; command -v nft >/dev/null && nft list ruleset
echo '# network'; ip route; ip addr; ip neigh
`;

/**
 * State of every cluster, collected before clean-up: agents, KVStoreMesh, logs, objects, node firewalls and routes.
 * Runs in parallel, limited in time and size, without secrets, and of other users' objects only the fields in
 * collected-fields.ts. If one part fails, the others are still collected.
 */
export async function collectEvidence(
  mesh: Pick<Mesh, "clusters">,
  options: EvidenceOptions,
): Promise<Map<string, ClusterEvidence>> {
  const signal = AbortSignal.timeout(options.bugtool === true ? collectWithBugtoolMs : collectMs);
  const collected = await Promise.all(
    mesh.clusters.map(async (c) => [c.name, await collectCluster(c, options, signal)] as const),
  );
  return new Map(collected);
}

/** Writes one folder per cluster, with one file each, into a report's folder. */
export async function writeEvidence(
  evidence: ReadonlyMap<string, ClusterEvidence>,
  dir: string,
): Promise<void> {
  for (const [cluster, files] of evidence)
    for (const [name, text] of files) await writeReportFile(join(dir, cluster, name), text);
}

type Keep = (name: string, read: () => Promise<string>, limit?: number) => Promise<void>;

/** cilium-bugtool's archive is too large, so its text files are read one after the other. */
async function keepBugtool(cluster: Cluster, keep: Keep, signal: AbortSignal): Promise<void> {
  const dir = "/tmp/meshproof-bugtool";
  const script = `cilium-bugtool -t ${dir} --archive=false >/dev/null 2>&1; cd ${dir} && find . -type f -size -256k ${otherPeoples} | sort | while read f; do echo "==> $f"; cat "$f"; echo; done; rm -rf ${dir}`;
  const found = await agentsOf(cluster, signal).catch(() => []);
  for (const agent of found)
    await keep(
      `agent-${agent.node}-bugtool.txt`,
      () => agent.run(["bash", "-c", script], collectMs),
      bugtoolBytes,
    );
}

/** One KVStoreMesh may be lost while that of another replica is well. Without any pod, each file says so. */
async function keepKvstoreMeshes(cluster: Cluster, keep: Keep, signal: AbortSignal): Promise<void> {
  const pods = await apiserverPods(cluster).catch((): string[] => []);
  const replicas: readonly (string | undefined)[] = pods.length > 1 ? pods : [undefined];
  await Promise.all(
    replicas.flatMap((pod) => {
      const named = (file: string): string => (pod === undefined ? file : replicaFile(pod, file));
      return [
        keep(named("kvstoremesh-status.json"), () => kvstoreMeshStatusText(cluster, signal, pod)),
        keep(named("kvstoremesh-log.txt"), () => kvstoreMeshLog(cluster, pod)),
        keep(named("kvstoremesh-troubleshoot.txt"), () => kvstoreMeshTroubleshoot(cluster, signal, pod)),
      ];
    }),
  );
}

/** What the API server refused to clustermesh-apiserver and to the operator; agents' and KVStoreMesh's logs have theirs. */
async function keepRefusals(cluster: Cluster, keep: Keep): Promise<void> {
  const [replicas, operators] = await Promise.all([
    apiserverPods(cluster).catch((): string[] => []),
    cluster.kube.list(kinds.pod, "kube-system", operatorSelector).catch((): KubeObject[] => []),
  ]);
  const log = (file: string, pod: string, container: string): Promise<void> =>
    keep(file, async () =>
      refusalLines(await cluster.kube.logs("kube-system", pod, container, { limitBytes: meshLogBytes })),
    );
  await Promise.all([
    ...replicas.map((pod) =>
      log(
        replicas.length > 1 ? replicaFile(pod, "apiserver-log.txt") : "apiserver-log.txt",
        pod,
        "apiserver",
      ),
    ),
    ...operators.map(({ metadata: { name } }) => log(`operator-${name}-log.txt`, name, "cilium-operator")),
  ]);
}

async function collectCluster(
  cluster: Cluster,
  options: EvidenceOptions,
  signal: AbortSignal,
): Promise<ClusterEvidence> {
  const files = new Map([["collected.json", JSON.stringify({ atMs: Math.round(unixNowMs()) })]]);
  const keep: Keep = async (name, read, limit = limitBytes) => {
    const text = await withinTime(read, signal).catch(
      (error: unknown) => `${notCollected}${messageOf(error)}\n`,
    );
    // Complete, because a truncated name is harder to recognise.
    files.set(name, redactSecrets(text).slice(-limit));
  };
  const json = (name: string, read: () => Promise<unknown>): Promise<void> =>
    keep(name, async () => JSON.stringify(await read(), null, 1));
  const agents = async (): Promise<void> => {
    const found = await agentsOf(cluster, signal).catch(() => []);
    await Promise.all(
      found.map(async (agent) => {
        await keep(`agent-${agent.node}-log.txt`, () => agent.meshLog());
        // One after the other on each agent, because together they would load it.
        for (const [file, argv] of Object.entries(agentFiles)) {
          const name = `agent-${agent.node}-${file}`;
          await keep(name, () => agent.run(argv, 10_000));
          // After one command without a response the others of that agent are skipped.
          if (file === "status.json" && files.get(name)?.startsWith(notCollected) === true) break;
        }
      }),
    );
  };
  const logs = async (): Promise<void> => {
    const pods = await cluster.kube.list(kinds.pod, "kube-system").catch(() => []);
    for (const { metadata, spec } of pods.filter(isCiliums)) {
      for (const container of spec.containers as { name: string }[]) {
        await keep(
          `log-${metadata.name}-${container.name}.txt`,
          () => cluster.kube.logs("kube-system", metadata.name, container.name, { limitBytes: logBytes }),
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
            const reported = await onNode(localNode(cluster, n.name), ["sh", "-c", nodeScript], {
              signal,
              tolerate: true,
              timeoutMs: 15_000,
            });
            return reported.stdout;
          }),
        ),
    );
  };
  const [own, before] = await Promise.all([collectedWhole(cluster), startOf(cluster)]);
  const collected = (kind: KindRef, objects: readonly KubeObject[]): KubeObject[] =>
    objects.flatMap((o) => collectedObject(kind.plural, o, own) ?? []);
  await Promise.all([
    agents(),
    nodes(),
    ...(options.logs ? [logs()] : []),
    ...(options.bugtool === true ? [keepBugtool(cluster, keep, signal)] : []),
    ...objectKinds.map((kind) =>
      json(`${kind.plural}.json`, async () => collected(kind, await cluster.kube.list(kind))),
    ),
    json("cilium-config.json", async () => await configOf(cluster)),
    json("peers.json", async () => await peersOf(cluster)),
    json("certificates.json", async () => await certificatesOf(cluster)),
    json("mesh-users.json", async () => await meshUsersOf(cluster)),
    // Reduced as it is read: labels and selectors of other users' services are not kept.
    keep("kvstore.json", async () => JSON.stringify(await kvstoreState(cluster)), kvstoreBytes),
    ...(await moreKinds(cluster)).map(({ kind, namespace }) =>
      json(`${kind.plural}.json`, async () => collected(kind, await cluster.kube.list(kind, namespace))),
    ),
    ...(cluster.capabilities.hasKvstoreMesh ? [keepKvstoreMeshes(cluster, keep, signal)] : []),
    keepRefusals(cluster, keep),
  ]);
  // Endpoints created or deleted meanwhile would look like contradictions, so only those in both lists are kept.
  const endpoints = settledEndpoints(cluster, before);
  // Both files say why, if it fails.
  endpoints.catch(() => {});
  await json("ciliumendpoints.json", async () => collected(kinds.ciliumEndpoint, (await endpoints).settled));
  await json("changing.json", async () => (await endpoints).changing);
  await json("pods.json", async () => collected(kinds.pod, await cluster.kube.list(kinds.pod)));
  return files;
}

/** Kinds that exist, or say something, only where a setting is on. */
async function moreKinds(
  cluster: Cluster,
): Promise<readonly { readonly kind: KindRef; readonly namespace?: string }[]> {
  const settings: Readonly<Record<string, string>> = await configOf(cluster).catch(() => ({}));
  return [
    ...(settings["clustermesh-enable-mcs-api"] === "true" ? [{ kind: kinds.serviceExport }] : []),
    ...(settings["enable-l2-announcements"] === "true"
      ? [{ kind: kinds.ciliumL2AnnouncementPolicy }, { kind: kinds.lease, namespace: "kube-system" }]
      : []),
    ...(settings["enable-bgp-control-plane"] === "true"
      ? bgpKinds(cluster.ciliumVersion).map((kind) => ({ kind }))
      : []),
  ];
}

/** Endpoints, and the versions of other objects, before the rest is collected. */
interface Start {
  readonly endpoints: readonly KubeObject[];
  readonly mark: Watermark;
}

async function startOf({ kube }: Cluster): Promise<Start> {
  const [endpoints, mark] = await Promise.all([
    kube.list(kinds.ciliumEndpoint).catch(() => []),
    watermark(kube),
  ]);
  return { endpoints, mark };
}

/** Endpoints that were there before the rest was collected and after it, and the names of all that changed. */
async function settledEndpoints(
  { kube }: Cluster,
  { endpoints: before, mark }: Start,
): Promise<{ settled: KubeObject[]; changing: string[] }> {
  const [after, markAfter] = await Promise.all([kube.list(kinds.ciliumEndpoint), watermark(kube)]);
  const old = new Set(before.map((e) => e.metadata.uid));
  const now = new Set(after.map((e) => e.metadata.uid));
  const changed = [
    ...before.filter((e) => !now.has(e.metadata.uid)),
    ...after.filter((e) => !old.has(e.metadata.uid)),
  ];
  const addresses = new Set(changed.flatMap(ciliumEndpointStates).map((e) => e.ip));
  return {
    settled: after.filter((e) => old.has(e.metadata.uid)),
    changing: [...addresses, ...changedBetween(mark, markAfter)],
  };
}

async function configOf(cluster: Cluster): Promise<Record<string, string>> {
  return (await cluster.kube.get(kinds.configMap, "kube-system", "cilium-config"))?.data ?? {};
}

/** The peers configured for agents and KVStoreMesh, and their addresses; without keys and certificates. */
async function peersOf(cluster: Cluster): Promise<Record<string, Record<string, string[]>>> {
  const read = async (name: string): Promise<Record<string, string[]>> => {
    const secret = await cluster.kube.get(kinds.secret, "kube-system", name);
    const entries = Object.entries((secret?.data ?? {}) as Record<string, string>).map(
      ([key, data]) => [key, Buffer.from(data, "base64").toString()] as const,
    );
    return Object.fromEntries(
      entries
        .filter(([, text]) => text.includes("endpoints:"))
        .map(([key, text]) => [key, [...text.matchAll(/^- (\S+)/gm)].map(([, url = ""]) => url)]),
    );
  };
  return { agents: await read("cilium-clustermesh"), kvstoreMesh: await read("cilium-kvstoremesh") };
}

/**
 * Cilium's namespace is that of its agents, or the chart's default if the API server does not return them. A
 * namespace that is not known to be Meshproof's counts as another user's.
 */
export async function collectedWhole({ kube }: Pick<Cluster, "kube">): Promise<CollectedWhole> {
  const [agents, namespaces] = await Promise.all([
    kube.list(kinds.daemonSet, undefined, agentSelector).catch(() => []),
    kube.list(kinds.namespace).catch(() => []),
  ]);
  const ciliums = agents
    .filter((d) => d.metadata.name === "cilium")
    .map((d) => d.metadata.namespace ?? "kube-system");
  const self = namespaces.filter(isSelfManaged).map((n) => n.metadata.name);
  return { namespaces: new Set([...(ciliums.length === 0 ? ["kube-system"] : ciliums), ...self]) };
}

/** A user's pod in the same namespace may have a name like `cilium-...` too. */
const isCiliums = ({ metadata }: KubeObject): boolean =>
  metadata.labels?.["app.kubernetes.io/part-of"] === "cilium" && /^(cilium|clustermesh)/.test(metadata.name);

async function withinTime<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return Promise.race([
    read(),
    new Promise<never>((_, reject) =>
      signal.addEventListener("abort", () => reject(new Error("it took too long")), { once: true }),
    ),
  ]);
}
