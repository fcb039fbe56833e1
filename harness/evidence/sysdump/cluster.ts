import { readEndpointLog } from "#harness/cilium/agent/endpoint-log.ts";
import { meshLines } from "#harness/cilium/agent/mesh-log.ts";
import { refusalLines } from "#harness/cilium/agent/refusal-log.ts";
import { troubleLines } from "#harness/cilium/agent/trouble-log.ts";
import { versionOfAgents } from "#harness/cilium/object-states.ts";
import type { KubeObject } from "#harness/kube/kube.ts";
import { messageOf } from "#harness/lib/errors.ts";
import { visible } from "#harness/lib/visible.ts";
import type { UnreadFile } from "#harness/model/mesh-snapshot.ts";
import type { EndpointChange } from "#harness/model/snapshot.ts";
import { notCollected, notSupplied } from "../evidence.ts";
import { type AgentOutput, agentEvidence, commandOutput, first, moreFilesOf } from "./agents.ts";
import type { Dump } from "./dumps.ts";
import { shown } from "./intake.ts";
import {
  baseName,
  configCommand,
  hostnameCommand,
  isAgentPart,
  isRefusalLog,
  isRequired,
  objectFiles,
  operatorOf,
  withoutTime,
} from "./layout.ts";
import { objectsOf, slicesOf, wholeYamlOf } from "./objects.ts";
import { withPanics } from "./panics.ts";
import { meshUsersOfValues, type Peers, peersOf } from "./peers.ts";
import { replicaEvidence } from "./replicas.ts";
import { certificateFiles } from "./secrets.ts";

const again = "collect the sysdump again; cilium-sysdump.log in the archive says what failed";

/** The evidence of one dump; the cluster is undefined if nothing in it names one. */
export function clusterEvidence(dump: Dump): {
  readonly cluster: string | undefined;
  readonly evidence: Map<string, string>;
  /** By the agents' logs, at any time. */
  readonly endpointChanges: readonly EndpointChange[];
} {
  const reader = new DumpReader(dump);
  const cluster = reader.read();
  return { cluster, evidence: reader.evidence, endpointChanges: reader.endpointChanges };
}

class DumpReader {
  readonly evidence = new Map<string, string>();
  readonly endpointChanges: EndpointChange[] = [];
  readonly #dump: Dump;
  readonly #unread: UnreadFile[] = [];
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
    this.#objects();
    for (const [name, text] of certificateFiles(this.#dump.files, (name, why) => this.#say(name, why)))
      this.evidence.set(name, text);
    this.#agents();
    const helm = this.#helm();
    this.#replicas();
    this.#operators();
    if (this.#dump.files.size > 0) this.#peers(helm, config.namespace);
    if (this.#unread.length > 0) this.evidence.set("unread.json", JSON.stringify(this.#unread));
    return config.cluster ?? clusterOfValues(helm);
  }

  #say(what: string, why: string, next: string = again): void {
    this.#unread.push({ what, why: `${this.#dump.source}: ${why}`, next });
  }

  /** A part of the snapshot that is reported as unread, with the reason. */
  #failed(to: string, why: string): void {
    this.evidence.set(to, `${notSupplied}${this.#dump.source}: ${why}`);
  }

  /** Skipped files that are a part of the snapshot are reported by that part instead, and objects where they are read. */
  #skippedParts(): void {
    const others = [...this.#dump.skipped.values()].filter(({ name, pod }) =>
      pod === undefined ? !isReadLater(withoutTime(baseName(name))) : !isAgentPart(baseName(name)),
    );
    for (const { name, why } of others.slice(0, 20))
      this.#say(shown(name), why, "collect it again; for a log, with a lower --logs-limit-bytes");
    if (others.length > 20) this.#say(`${others.length - 20} more files`, "they are too large or damaged");
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
      this.#say(
        "cilium-configmap",
        this.#skippedOf("", ["cilium-configmap.yaml"]) ?? "the archive has no such file",
      );
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
      return wholeYamlOf(text);
    } catch (error) {
      this.#reported.add(name);
      this.#say(name, messageOf(error));
      return undefined;
    }
  }

  #objects(): void {
    const failed = new Map<string, string>();
    for (const [from, to] of Object.entries(objectFiles)) {
      const found = this.#list(from, (why) => failed.set(from, why));
      if (found === undefined) continue;
      const existing = JSON.parse(this.evidence.get(to) ?? "[]") as KubeObject[];
      this.evidence.set(to, JSON.stringify([...existing, ...found]));
      if (from === "k8s-pods") this.#pods = found;
    }
    for (const [from, why] of failed) {
      const to = objectFiles[from] ?? "";
      // Of the two files of deployments the other may have been read.
      if (reportedParts.has(to) && !this.evidence.has(to)) this.#failed(to, why);
      // An archive of bugtool has no objects at all.
      else if (this.#dump.files.size > 0) this.#say(from, why);
    }
    this.#pools();
    if (this.evidence.has("endpointslices.json") && !failed.has("k8s-endpointslices")) return;
    // Old CLIs collect only these; newer ones collect both.
    const endpoints = this.#list("k8s-endpoints", () => {});
    if (endpoints !== undefined)
      this.evidence.set("endpointslices.json", JSON.stringify(slicesOf(endpoints)));
    else if (!failed.has("k8s-endpointslices"))
      this.#failed("endpointslices.json", `${this.#absence()} k8s-endpointslices, and no k8s-endpoints`);
  }

  /** The Cilium CLI leaves an empty file where it could not list them: that does not say that there are none. */
  #pools(): void {
    const [from, to] = ["ciliumloadbalancerippools", "loadbalancerpools.json"];
    if (!this.evidence.has(to) && this.#dump.files.has(`${from}.yaml`))
      this.evidence.set(to, `${notCollected}${from}.yaml holds no list`);
  }

  #absence(): string {
    return this.#dump.files.size > 0
      ? "the archive has no"
      : "an archive of cilium-bugtool; give the cluster's sysdump too, which has the";
  }

  #list(from: string, fail: (why: string) => void): KubeObject[] | undefined {
    const name = `${from}.yaml`;
    const text = this.#dump.files.get(name);
    const skipped = this.#dump.skipped.get(`/${name}`);
    const hasApiserver = this.#pods.some((p) => isApiserver(p));
    if (skipped !== undefined) fail(`${name}: ${skipped.why}`);
    else if (text === undefined) {
      if (isRequired(from, hasApiserver)) fail(`${this.#absence()} ${from}`);
    } else if (text.trim() === "") {
      if (isRequired(from, hasApiserver)) fail(`${name} is empty: the Cilium CLI could not collect it`);
    } else
      try {
        // Cilium supports 5,000 nodes; each is compared with every other one.
        return objectsOf(text, from.endsWith("nodes") ? 10_000 : undefined);
      } catch (error) {
        fail(`${name}: ${visible(messageOf(error)).slice(0, 300)}`);
      }
    return undefined;
  }

  #agents(): void {
    const nodeOf = new Map(this.#pods.map((p) => [p.metadata.name, String(p.spec?.nodeName ?? "")]));
    const expected = new Set([...this.#dump.agents.values()].flatMap(moreFilesOf));
    for (const [pod, output] of this.#dump.agents) {
      const node = nodeOf.get(pod) || nodeOfOutput(output);
      if (node === undefined) {
        this.#say(`agent ${shown(pod)}`, "neither k8s-pods nor its own output says on which node it runs");
        continue;
      }
      const found = agentEvidence(node, output, {
        expected,
        skipped: (names) => this.#skippedOf(pod, names),
        fail: (what, why) => this.#say(what, why),
      });
      for (const [name, text] of found) this.evidence.set(name, text);
      if (!found.has(`agent-${node}-status.json`)) continue;
      if (pod !== "") this.#log(node, `logs-${pod}-cilium-agent.log`);
    }
    this.#crashes();
  }

  /** bugtool runs in the agent's container: of one that crashes there are only its logs, of this run and of the last. */
  #crashes(): void {
    const programs = [
      ["k8s-app", "cilium", "cilium-agent"],
      ["io.cilium/app", "operator", "cilium-operator"],
    ] as const;
    for (const { metadata } of this.#pods) {
      const program = programs.find(([label, value]) => metadata.labels?.[label] === value)?.[2];
      if (program === undefined || this.#dump.agents.has(metadata.name)) continue;
      const logs = ["-prev", ""].flatMap(
        (run) => this.#dump.files.get(`logs-${metadata.name}-${program}${run}.log`) ?? [],
      );
      const lines = troubleLines(logs.map(withPanics).join("\n"));
      if (lines !== "") this.evidence.set(`crash-${metadata.name}-log.txt`, lines);
    }
  }

  #skippedOf(pod: string, names: readonly string[]): string | undefined {
    return names
      .map((name) => this.#dump.skipped.get(`${pod}/${name}`)?.why)
      .find((why) => why !== undefined);
  }

  #log(node: string, name: string): void {
    const skipped = this.#dump.skipped.get(`/${name}`)?.why;
    const text = this.#dump.files.get(name);
    this.evidence.set(
      `agent-${node}-log.txt`,
      text === undefined ? `${notCollected}${skipped ?? `the archive has no ${name}`}` : meshLines(text),
    );
    for (const change of readEndpointLog(text ?? "")) this.endpointChanges.push(change);
  }

  #helm(): unknown {
    const helm = this.#yaml("cilium-helm-values.yaml");
    if (typeof helm !== "object" || helm === null) return undefined;
    this.evidence.set("helm-values.json", JSON.stringify(helm));
    return helm;
  }

  #replicas(): void {
    const found = replicaEvidence({
      files: this.#dump.files,
      pods: this.#pods,
      cilium: versionOfAgents(this.#pods),
      skipped: (name) => this.#skippedOf("", [name]),
    });
    for (const [name, text] of found) this.evidence.set(name, text);
  }

  #operators(): void {
    for (const [name, text] of this.#dump.files) {
      const pod = operatorOf(name);
      if (pod !== undefined) this.evidence.set(`operator-${pod}-log.txt`, refusalLines(text));
    }
  }

  #peers(helm: unknown, namespace: string): void {
    // Of several agents or replicas all have the same peers.
    const printed = (name: RegExp): string | undefined =>
      [...this.evidence].find(([n, text]) => name.test(n) && !text.startsWith(notCollected))?.[1];
    const kvstoreMeshTroubleshoot = printed(/kvstoremesh-troubleshoot\.txt$/);
    const isLost = [...this.evidence.keys()].some((n) => n.endsWith("kvstoremesh-troubleshoot.txt"));
    const peers: Peers | undefined =
      helm === undefined && kvstoreMeshTroubleshoot === undefined && isLost
        ? undefined
        : peersOf({
            helm,
            agentTroubleshoot: printed(/^agent-.*-troubleshoot\.txt$/),
            kvstoreMeshTroubleshoot,
            namespace,
          });
    const users = meshUsersOfValues(helm);
    if (users !== undefined) this.evidence.set("mesh-users.json", JSON.stringify(users));
    if (peers !== undefined) this.evidence.set("peers.json", JSON.stringify(peers));
    else if (!this.#reported.has("cilium-helm-values.yaml"))
      this.#say(
        "configured peers",
        "the archive has neither the values of a Helm release nor the output of `troubleshoot` of each that has peers",
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
  const local = /"local":\s*\{\s*"name":\s*"(?:[^"/]*\/)?([\w.-]{1,253})"/.exec(health)?.[1];
  const host = output.get(hostnameCommand);
  const named = host === undefined ? undefined : /^[\w.-]{1,253}$/m.exec(commandOutput(host).text)?.[0];
  return local ?? named;
}

/** Parts of the snapshot that are reported if they were not read. */
const reportedParts: ReadonlySet<string> = new Set([
  ...["nodes.json", "pods.json", "services.json", "endpointslices.json", "deployments.json"],
  ...["ciliumnodes.json", "ciliumendpoints.json", "ciliumnetworkpolicies.json"],
]);

/** Agents' logs, objects and the configuration; and logs that nothing depends on. */
const isReadLater = (name: string): boolean =>
  /^logs-.*-cilium-agent(-prev)?\.log$|^cilium-configmap\.yaml$/.test(name) ||
  isRefusalLog(name) ||
  (name.endsWith(".yaml") && Object.hasOwn(objectFiles, name.slice(0, -".yaml".length)));

interface Container {
  readonly name?: string;
}

const isApiserver = ({ metadata, spec, status }: KubeObject): boolean =>
  metadata.name.startsWith("clustermesh-apiserver-") &&
  status?.phase === "Running" &&
  ((spec?.containers ?? []) as Container[]).some((c) => c.name === "apiserver");
