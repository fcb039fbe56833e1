import { basename } from "node:path";
import { parse as parseYaml } from "yaml";
import { meshLines } from "#harness/cilium/agent/mesh-log.ts";
import { readKvstoreList } from "#harness/cilium/kvstore/shared-state.ts";
import type { KubeObject } from "#harness/kube/kube.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import type { ClusterEvidence } from "../evidence.ts";
import { readZip } from "./archive.ts";
import { identityTable, kvstoreMeshText, mapTable, statusText } from "./tables.ts";

/** One cluster in a `cilium sysdump` archive: the same files as live evidence. */
export interface Sysdump {
  readonly cluster: string;
  readonly evidence: ClusterEvidence;
}

/** Objects by their file name in a sysdump, without the time of the dump at its end. */
const objectFiles: Readonly<Record<string, string>> = {
  "k8s-nodes": "nodes.json",
  "k8s-pods": "pods.json",
  "k8s-services": "services.json",
  "k8s-endpointslices": "endpointslices.json",
  "k8s-namespaces": "namespaces.json",
  "k8s-networkpolicies": "networkpolicies.json",
  "k8s-events": "events.json",
  ciliumnodes: "ciliumnodes.json",
  ciliumendpoints: "ciliumendpoints.json",
  ciliumidentities: "ciliumidentities.json",
  ciliumnetworkpolicies: "ciliumnetworkpolicies.json",
  ciliumclusterwidenetworkpolicies: "ciliumclusterwidenetworkpolicies.json",
  ciliumloadbalancerippools: "loadbalancerpools.json",
};
const workloadFiles: Readonly<Record<string, string>> = {
  "cilium-daemonset": "daemonsets.json",
  "cilium-operator-deployment": "deployments.json",
  "clustermesh-apiserver-deployment": "deployments.json",
};

/**
 * Files of bugtool with the output of an agent's tools, each with the function that converts it to the parsers' JSON.
 */
const agentFiles: Readonly<Record<string, readonly [string, (text: string) => string]>> = {
  "cilium-dbg-status---verbose.md": ["status.json", statusText],
  "cilium-dbg-node-list--o-json.md": ["node-list.json", asItIs],
  "cilium-health-status--o-json.md": ["health.json", asItIs],
  "cilium-dbg-service-list--o-json.md": ["service-list.json", asItIs],
  "cilium-dbg-bpf-lb-list.md": ["lb.json", mapTable],
  "cilium-dbg-identity-list.md": ["identities.json", identityTable],
  "cilium-dbg-bpf-ipcache-list.md": ["ipcache.json", mapTable],
  "cilium-dbg-troubleshoot-clustermesh.md": ["troubleshoot.txt", asItIs],
};

function asItIs(text: string): string {
  return text;
}

/** Parsed YAML takes many times its length in memory. */
const mostYamlLength = 16 * 1024 ** 2;

const stamp = /-\d{8}-\d{6}(?=\.\w+$)/;
const expected = (path: string): boolean => {
  const name = path.split("/").at(-1) ?? "";
  const bare = name.replace(stamp, "");
  return (
    /^(k8s-(nodes|pods|services|endpointslices|namespaces|networkpolicies|events|version)|cilium[a-z-]*|clustermesh-apiserver-deployment)\.(yaml|txt)$/.test(
      bare,
    ) ||
    /^clustermesh-apiserver-.*-kvstoremesh-(status|troubleshoot)\./.test(bare) ||
    /^clustermesh-apiserver-.*-apiserver-kvstore-list\.txt$/.test(bare) ||
    /^logs-(cilium-\w+-cilium-agent|clustermesh-apiserver-.*-kvstoremesh)\.log$/.test(bare) ||
    name in agentFiles ||
    name === "iptables-save--c.md"
  );
};

/** Reads one archive; refuses a file that is not a sysdump, naming it. */
export async function readSysdump(path: string): Promise<Sysdump> {
  const files = await readZip(path, expected);
  const byName = new Map<string, string>();
  const agents = new Map<string, Map<string, string>>();
  for (const [full, text] of files) {
    const name = full.split("/").at(-1) ?? "";
    const pod = /(?:^|\/)cilium-bugtool-(.*?)-\d{8}-\d{6}\//.exec(full)?.[1];
    if (pod === undefined) byName.set(name.replace(stamp, ""), text);
    else agents.set(pod, (agents.get(pod) ?? new Map<string, string>()).set(name, text));
  }
  // biome-ignore lint/suspicious/noExplicitAny: any YAML; readers check what they use.
  const yaml = (name: string): Record<string, any> | undefined => {
    const text = byName.get(name);
    if (text === undefined || text.trim() === "") return undefined;
    if (text.length > mostYamlLength)
      throw new MeshproofError(
        "archive-corrupt",
        `${basename(path)}: ${name} has ${Math.round(text.length / 1024 ** 2)} MiB; the limit is 16`,
      );
    try {
      // kubectl writes no aliases, and recursive ones could exhaust memory.
      return parseYaml(text, { maxAliasCount: 0 });
    } catch (error) {
      throw new MeshproofError(
        "archive-corrupt",
        `${basename(path)}: ${name} cannot be parsed: ${messageOf(error)}`,
        { cause: error },
      );
    }
  };
  const config = yaml("cilium-configmap.yaml")?.data as Record<string, string> | undefined;
  const cluster = config?.["cluster-name"];
  if (config === undefined || cluster === undefined)
    throw new MeshproofError(
      "archive-corrupt",
      `${basename(path)} is not a sysdump: it has no cilium-configmap`,
      {
        remedy: "give a zip that `cilium sysdump` wrote, one for each cluster",
      },
    );
  const evidence = new Map<string, string>([["cilium-config.json", JSON.stringify(config)]]);
  for (const [from, to] of Object.entries(objectFiles)) {
    const list = yaml(`${from}.yaml`)?.items as KubeObject[] | undefined;
    if (list !== undefined) evidence.set(to, JSON.stringify(list));
  }
  for (const [from, to] of Object.entries(workloadFiles)) {
    const object = yaml(`${from}.yaml`);
    if (object === undefined) continue;
    const existing = JSON.parse(evidence.get(to) ?? "[]") as unknown[];
    evidence.set(to, JSON.stringify([...existing, object]));
  }
  for (const [name, text] of byName) {
    if (/-kvstoremesh-status\.json$/.test(name)) evidence.set("kvstoremesh-status.json", text);
    else if (/-kvstoremesh-status\.txt$/.test(name) && !evidence.has("kvstoremesh-status.json"))
      evidence.set("kvstoremesh-status.json", kvstoreMeshText(text));
    else if (/-kvstoremesh-troubleshoot\.txt$/.test(name)) evidence.set("kvstoremesh-troubleshoot.txt", text);
    // Of several replicas each has all keys that it wrote itself and its own copies: one is enough.
    else if (/-apiserver-kvstore-list\.txt$/.test(name) && text.includes("# cilium/"))
      evidence.set("kvstore.json", JSON.stringify(readKvstoreList(text)));
    else if (/-kvstoremesh\.log$/.test(name)) evidence.set("kvstoremesh-log.txt", meshLines(text));
  }
  const helm = yaml("cilium-helm-values.yaml");
  if (helm !== undefined) {
    evidence.set("peers.json", JSON.stringify(peersOf(helm)));
    evidence.set("helm-values.json", JSON.stringify(helm));
  }
  const nodeOf = nodesOfPods(evidence.get("pods.json"));
  for (const [pod, own] of agents) {
    const node = nodeOf.get(pod);
    if (node === undefined) continue;
    for (const [name, text] of own) {
      const reader = agentFiles[name];
      if (reader !== undefined) evidence.set(`agent-${node}-${reader[0]}`, reader[1](text));
    }
    const rules = own.get("iptables-save--c.md");
    if (rules !== undefined) evidence.set(`node-${node}.txt`, `# firewall\n${rules}`);
    const log = byName.get(`logs-${pod}-cilium-agent.log`);
    if (log !== undefined) evidence.set(`agent-${node}-log.txt`, meshLines(log));
  }
  const atMs = startOf([...files.keys()], evidence);
  if (atMs !== undefined) evidence.set("collected.json", JSON.stringify({ atMs }));
  return { cluster, evidence };
}

const zoneMs = 15 * 60_000;

/**
 * When the archive was begun: the time in its files' names, which is local time where it was made. Agents' health reports
 * have the zone: zones differ from UTC by quarters of an hour, and a report is at most minutes away.
 */
function startOf(paths: readonly string[], evidence: ClusterEvidence): number | undefined {
  const [, day = "", time = ""] =
    paths.map((p) => /-(\d{8})-(\d{6})(?:\.\w+$|\/)/.exec(p)).find((m) => m !== null) ?? [];
  const localMs = Date.parse(
    `${day.replace(/(....)(..)(..)/, "$1-$2-$3")}T${time.replace(/(..)(..)(..)/, "$1:$2:$3")}Z`,
  );
  if (Number.isNaN(localMs)) return undefined;
  const reports = [...evidence]
    .filter(([name]) => /^agent-.*-health\.json$/.test(name))
    .map(([, text]) => Date.parse(/"timestamp":\s*"([^"]+)"/.exec(text)?.[1] ?? ""))
    .filter((ms) => !Number.isNaN(ms));
  if (reports.length === 0) return localMs;
  return localMs + Math.round((Math.max(...reports) - localMs) / zoneMs) * zoneMs;
}

interface PeerValue {
  readonly name?: string;
  readonly address?: string;
  readonly port?: number;
}

/**
 * The peers that the chart configures from `clustermesh.config.clusters`, a list or a mapping: a sysdump has no
 * secrets.
 */
function peersOf(helm: Record<string, unknown>): { agents: object; kvstoreMesh: object } {
  const { clustermesh } = helm as {
    clustermesh?: {
      useAPIServer?: boolean;
      apiserver?: { kvstoremesh?: { enabled?: boolean } };
      config?: { clusters?: readonly PeerValue[] | Readonly<Record<string, PeerValue>> };
    };
  };
  const listed = clustermesh?.config?.clusters ?? [];
  const peers = Array.isArray(listed)
    ? (listed as readonly PeerValue[])
    : Object.entries(listed as Readonly<Record<string, PeerValue>>).map(([name, p]) => ({ ...p, name }));
  const direct = Object.fromEntries(
    peers.map((p) => [
      p.name ?? "",
      [`https://${p.address || `${p.name}.mesh.cilium.io`}:${p.port ?? 2379}`],
    ]),
  );
  const cached = clustermesh?.useAPIServer === true && clustermesh.apiserver?.kvstoremesh?.enabled !== false;
  return cached
    ? { agents: mapped(direct, "https://clustermesh-apiserver.kube-system.svc:2379"), kvstoreMesh: direct }
    : { agents: direct, kvstoreMesh: {} };
}

const mapped = (entries: Readonly<Record<string, unknown>>, to: string): Record<string, string[]> =>
  Object.fromEntries(Object.keys(entries).map((name) => [name, [to]]));

function nodesOfPods(pods: string | undefined): Map<string, string> {
  const all = JSON.parse(pods ?? "[]") as KubeObject[];
  return new Map(all.map((p) => [p.metadata.name, String(p.spec?.nodeName ?? "")]));
}
