import { readKvstoreList } from "#harness/cilium/kvstore/shared-state.ts";
import { versionOfAgents } from "#harness/cilium/object-states.ts";
import type { KubeObject } from "#harness/kube/kube.ts";
import { messageOf } from "#harness/lib/errors.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import { visible } from "#harness/lib/visible.ts";
import { notCollected } from "../evidence.ts";
import { agentEvidence, type AgentOutput, commandOutput, first } from "./agents.ts";
import { shown } from "./intake.ts";
import { configCommand, hostnameCommand, objectFiles, requiredFiles, troubleshootCommand } from "./layout.ts";
import { objectsOf, slicesOf, yamlOf } from "./objects.ts";
import { type Peers, peersOf } from "./peers.ts";
import type { Dump } from "./sysdump.ts";
import { kvstoreMeshText } from "./tables.ts";

/** An expected part that was not read: what `diagnose` reports instead of health. */
interface Unread {
  readonly what: string;
  readonly why: string;
  readonly next: string;
}

const again = "collect the sysdump again; cilium-sysdump.log in the archive says what failed";

/** The evidence of one dump; the cluster is undefined if nothing in it names one. */
export function clusterEvidence(dump: Dump): {
  readonly cluster: string | undefined;
  readonly evidence: Map<string, string>;
} {
  const reader = new DumpReader(dump);
  return { cluster: reader.read(), evidence: reader.evidence };
}

class DumpReader {
  readonly evidence = new Map<string, string>();
  readonly #dump: Dump;
  readonly #unread: Unread[] = [];
  /** Files whose absence is reported already. */
  readonly #reported = new Set<string>();
  #pods: KubeObject[] = [];

  constructor(dump: Dump) {
    this.#dump = dump;
  }

  /** Returns the cluster's name. */
  read(): string | undefined {
    this.#skippedParts();
    const config = this.#config();
    // A bugtool archive is of one agent, and has no objects.
    const isBugtool = this.#dump.files.size === 0 && this.#dump.skipped.size === 0;
    if (isBugtool)
      this.#say("all but the agents", "it is an archive of cilium-bugtool, not a sysdump", "give the cluster's sysdump too");
    else this.#objects();
    const agents = this.#agents();
    const helm = this.#helm();
    if (!isBugtool) {
      this.#kvstoreMesh();
      this.#peers(helm, config.namespace, agents);
    }
    if (this.#unread.length > 0) this.evidence.set("unread.json", JSON.stringify(this.#unread));
    return config.cluster ?? clusterOfValues(helm);
  }

  #say(what: string, why: string, next: string = again): void {
    this.#unread.push({ what, why: `${this.#dump.source}: ${why}`, next });
  }

  /** Skipped files of agents are named by their part of the evidence instead. */
  #skippedParts(): void {
    const parts = [...this.#dump.skipped].filter(([, part]) => part.pod === undefined);
    for (const [key, { name, why }] of parts.slice(0, 20)) {
      this.#reported.add(key.slice(key.indexOf("/") + 1));
      this.#say(shown(name), why, "collect it again, with a lower --logs-limit-bytes if it is a log");
    }
    for (const [key] of parts.slice(20)) this.#reported.add(key.slice(key.indexOf("/") + 1));
    if (parts.length > 20) this.#say(`${parts.length - 20} more files`, "they are too large or damaged");
  }

  #config(): { cluster: string | undefined; namespace: string } {
    const object = this.#yaml("cilium-configmap.yaml") as
      | { data?: Record<string, unknown>; metadata?: { namespace?: unknown } }
      | undefined;
    const data = object?.data;
    if (typeof data === "object" && data !== null) {
      this.evidence.set("cilium-config.json", JSON.stringify(data));
      // The agents' own default.
      const cluster = String(data["cluster-name"] ?? "default");
      return { cluster, namespace: String(object?.metadata?.namespace ?? "kube-system") };
    }
    const settings = [...this.#dump.agents.values()].map((output) => first(output, configCommand) ?? "");
    const value = (key: string): string | undefined =>
      settings.map((s) => new RegExp(`^${key} *: *(\\S+)`, "m").exec(s)?.[1]).find((v) => v !== undefined);
    const [cluster, id] = [value("ClusterName"), value("ClusterID")];
    if (cluster === undefined) return { cluster, namespace: "kube-system" };
    if (this.#dump.files.size > 0 && !this.#reported.has("cilium-configmap.yaml"))
      this.#say("cilium-configmap", "the archive has no such file, or it is empty");
    this.evidence.set(
      "cilium-config.json",
      JSON.stringify({ "cluster-name": cluster, ...(id === undefined ? {} : { "cluster-id": id }) }),
    );
    return { cluster, namespace: value("K8sNamespace") ?? "kube-system" };
  }

  /** Undefined if the file is missing, empty or damaged; the last is reported. */
  #yaml(name: string): unknown {
    const text = this.#dump.files.get(name);
    if (text === undefined || text.trim() === "") return undefined;
    try {
      return yamlOf(text);
    } catch (error) {
      this.#reported.add(name);
      this.#say(name, messageOf(error));
      return undefined;
    }
  }

  #objects(): void {
    for (const [from, to] of Object.entries(objectFiles)) {
      const found = this.#list(from);
      if (found === undefined) continue;
      const existing = JSON.parse(this.evidence.get(to) ?? "[]") as KubeObject[];
      this.evidence.set(to, JSON.stringify([...existing, ...found]));
      if (from === "k8s-pods") this.#pods = found;
    }
    if (this.evidence.has("endpointslices.json")) return;
    // Old CLIs collect only these; newer ones collect both.
    const endpoints = this.#list("k8s-endpoints");
    if (endpoints !== undefined)
      this.evidence.set("endpointslices.json", JSON.stringify(slicesOf(endpoints)));
    else if (!this.#reported.has("k8s-endpointslices.yaml"))
      this.#say("k8s-endpointslices", "the archive has no such file, and no k8s-endpoints");
  }

  #list(from: string): KubeObject[] | undefined {
    const name = `${from}.yaml`;
    if (this.#reported.has(name)) return undefined;
    const text = this.#dump.files.get(name);
    const isRequired = requiredFiles.includes(from);
    if (text === undefined || text.trim() === "") {
      if (isRequired)
        this.#say(from, text === undefined ? "the archive has no such file" : "the file is empty");
      return undefined;
    }
    try {
      return objectsOf(text);
    } catch (error) {
      this.#reported.add(name);
      this.#say(name, visible(messageOf(error)).slice(0, 300));
      return undefined;
    }
  }

  /** Returns the output of each agent that was read. */
  #agents(): AgentOutput[] {
    const nodeOf = new Map(this.#pods.map((p) => [p.metadata.name, String(p.spec?.nodeName ?? "")]));
    const read: AgentOutput[] = [];
    const readPods = new Set<string>();
    for (const [pod, output] of this.#dump.agents) {
      const node = nodeOf.get(pod) || nodeOfOutput(output);
      if (node === undefined) {
        this.#say(`agent ${shown(pod)}`, "neither k8s-pods nor its own output says on which node it runs");
        continue;
      }
      const found = agentEvidence(node, output, (names) => this.#skippedOf(pod, names));
      for (const [name, text] of found) this.evidence.set(name, text);
      if (!found.has(`agent-${node}-status.json`)) continue;
      readPods.add(pod);
      read.push(output);
      if (pod !== "") this.evidence.set(`agent-${node}-log.txt`, this.#log(`logs-${pod}-cilium-agent.log`));
    }
    this.#missingAgents(readPods);
    return read;
  }

  #skippedOf(pod: string, names: readonly string[]): string | undefined {
    return names.map((name) => this.#dump.skipped.get(`${pod}/${name}`)?.why).find((why) => why !== undefined);
  }

  #log(name: string): string {
    const skipped = this.#dump.skipped.get(`/${name}`)?.why;
    return this.#dump.files.get(name) ?? `${notCollected}${skipped ?? `the archive has no ${name}`}`;
  }

  #missingAgents(read: ReadonlySet<string>): void {
    const missing = this.#pods.filter((p) => isAgent(p) && !read.has(p.metadata.name));
    const next =
      "collect the sysdump again without --quick, and with these nodes in --node-list if that is set";
    const log = this.#dump.files.get("cilium-sysdump.log") ?? "";
    for (const pod of missing.length > 10 ? [] : missing) {
      const { name } = pod.metadata;
      const said = log.split("\n").find((l) => l.length < 4096 && l.includes(`cilium-bugtool-${name}`) && l.includes("⚠"));
      const phase = String(pod.status?.phase ?? "");
      this.#say(
        `agent on node ${shown(String(pod.spec?.nodeName ?? ""))}`,
        `the archive has no status of its agent ${shown(name)}${phase === "" || phase === "Running" ? "" : `, which is ${shown(phase)}`}${said === undefined ? "" : `; the Cilium CLI says: ${visible(said).slice(0, 200)}`}`,
        next,
      );
    }
    if (missing.length > 10) {
      const names = missing.slice(0, 5).map((p) => shown(String(p.spec?.nodeName ?? "")));
      this.#say(
        `agents on ${missing.length} nodes`,
        `the archive has no status of them (${names.join(", ")} and others)`,
        next,
      );
    }
  }

  #helm(): unknown {
    const helm = this.#yaml("cilium-helm-values.yaml");
    if (typeof helm !== "object" || helm === null) return undefined;
    this.evidence.set("helm-values.json", JSON.stringify(helm));
    return helm;
  }

  #kvstoreMesh(): void {
    for (const [name, text] of this.#dump.files) {
      if (text.trim() === "") continue;
      if (/-kvstoremesh-status\.json$/.test(name)) this.evidence.set("kvstoremesh-status.json", text);
      else if (/-kvstoremesh-status\.txt$/.test(name) && !this.evidence.has("kvstoremesh-status.json"))
        this.evidence.set("kvstoremesh-status.json", kvstoreMeshText(text));
      else if (/-kvstoremesh-troubleshoot\.txt$/.test(name))
        this.evidence.set("kvstoremesh-troubleshoot.txt", text);
      // Of several replicas each has all keys that it wrote itself and its own copies: one is enough.
      else if (/-apiserver-kvstore-list\.txt$/.test(name) && text.includes("# cilium/"))
        this.evidence.set("kvstore.json", JSON.stringify(readKvstoreList(text)));
      else if (/-kvstoremesh\.log$/.test(name)) this.evidence.set("kvstoremesh-log.txt", text);
    }
    if (this.evidence.has("kvstoremesh-status.json")) return;
    const running = this.#pods.find((p) => runs(p, "kvstoremesh"));
    // Before 1.16 KVStoreMesh has no command that prints it.
    if (running === undefined || !isAtLeast(versionOfAgents(this.#pods) ?? "1.16", "1.16")) return;
    this.#say(
      "status of KVStoreMesh",
      `the archive has none of ${shown(running.metadata.name)}`,
      "collect the sysdump again with Cilium CLI 0.16 or later",
    );
  }

  #peers(helm: unknown, namespace: string, agents: readonly AgentOutput[]): void {
    const [agentTroubleshoot] = agents.flatMap((output) => first(output, troubleshootCommand) ?? []);
    const peers: Peers | undefined = peersOf({
      helm,
      agentTroubleshoot: agentTroubleshoot && commandOutput(agentTroubleshoot).text,
      kvstoreMeshTroubleshoot: this.evidence.get("kvstoremesh-troubleshoot.txt"),
      namespace,
    });
    if (peers !== undefined) this.evidence.set("peers.json", JSON.stringify(peers));
    else if (!this.#reported.has("cilium-helm-values.yaml"))
      this.#say(
        "configured peers",
        "the archive has neither the values of a Helm release nor output of `troubleshoot`",
        "compare the secrets cilium-clustermesh and cilium-kvstoremesh by hand",
      );
  }
}

function clusterOfValues(helm: unknown): string | undefined {
  const name = (helm as { cluster?: { name?: unknown } | null } | undefined)?.cluster?.name;
  return typeof name === "string" ? name : undefined;
}

/** Of an agent whose pod is not known: health names its node, as `CLUSTER/NODE`. */
function nodeOfOutput(output: AgentOutput): string | undefined {
  const health = output.get("cilium-health-status--o-json.md")?.slice(0, 4096) ?? "";
  const local = /"local":\s*\{\s*"name":\s*"(?:[^"/]*\/)?([^"/]+)"/.exec(health)?.[1];
  const host = output.get(hostnameCommand);
  const named = host === undefined ? undefined : /^\S+$/m.exec(commandOutput(host).text)?.[0];
  return local ?? named;
}

interface Container {
  readonly name?: string;
}

const isAgent = (pod: KubeObject): boolean =>
  ((pod.spec?.containers ?? []) as Container[]).some((c) => c.name === "cilium-agent") &&
  !["Succeeded", "Failed"].includes(String(pod.status?.phase ?? ""));

const runs = ({ spec, status }: KubeObject, container: string): boolean =>
  status?.phase === "Running" && ((spec?.containers ?? []) as Container[]).some((c) => c.name === container);
