import { shellQuote } from "#harness/lib/shell-quote.ts";
import type { Finding } from "#harness/model/finding.ts";
import type {
  ClusterSnapshot,
  ContainerState,
  MeshSnapshot,
  PodState,
} from "#harness/model/mesh-snapshot.ts";
import { creationCause } from "#harness/semantics/pod-start.ts";
import { type FindingId, findingOf } from "./catalogue/index.ts";
import { lastWordsOf } from "./last-words.ts";
import { afterNode } from "./node-repairs.ts";
import { ciliumNamespace, known, kubectl } from "./parts.ts";
import { eventsOf, nextFor, startCauseOf } from "./pod-start.ts";

const parts: Readonly<Record<string, string>> = {
  cilium: "Cilium's agents",
  "cilium-operator": "the operator",
  "clustermesh-apiserver": "clustermesh-apiserver",
  coredns: "CoreDNS",
};

/** Agents, operator and clustermesh-apiserver: processes that are stopped, crash or are missing. */
export function controlPlane(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap(inCluster);
}

/** Cilium's parts may be in a namespace of their own. */
export function namespacesOf(cluster: ClusterSnapshot): (part: string) => string {
  const own = ciliumNamespace(cluster);
  return (part) => (part === "coredns" ? "kube-system" : own);
}

type Say = (id: FindingId, subject: string, message: string, next: string) => void;

function inCluster(cluster: ClusterSnapshot): Finding[] {
  const found: Finding[] = [];
  const namespaceOf = namespacesOf(cluster);
  const say: Say = (id, subject, message, next) =>
    void found.push(findingOf(id, { cluster: cluster.name, subject, message, next }));
  for (const { node, stopped } of cluster.nodeStates)
    for (const line of stopped)
      say(
        "process-stopped",
        `process ${line.split(" ")[0]} on ${node}`,
        `${line.split(" ")[0]} on node ${node} is stopped (state T): ${line.slice(0, 120)}`,
        shellQuote(["docker", "exec", node, "pkill", "-CONT", "-f", line.slice(0, 40)]),
      );
  for (const w of known(cluster.workloads)) {
    if (w.namespace !== namespaceOf(w.name) || parts[w.name] === undefined || w.desired > 0) continue;
    say(
      "scaled-to-zero",
      `${w.name} of ${cluster.name}`,
      `${parts[w.name]} of ${cluster.name} is scaled to zero`,
      kubectl(w.namespace, "scale", `deployment/${w.name}`, "--replicas", "1"),
    );
  }
  pods(cluster, say);
  incomplete(cluster, { say, found });
  for (const agent of cluster.agents)
    if (!agent.remotes.ok && agent.remotes.absent !== true)
      say(
        "agent-silent",
        `the agent of ${agent.node}`,
        agent.remotes.why.startsWith("the agent of ")
          ? agent.remotes.why
          : `the agent of ${cluster.name}/${agent.node} does not answer: ${agent.remotes.why}`,
        afterNode(cluster, agent.node) ?? `check its container on ${agent.node}`,
      );
  return found;
}

function pods(cluster: ClusterSnapshot, say: Say): void {
  const namespaceOf = namespacesOf(cluster);
  for (const pod of known(cluster.pods)) {
    const part = partOf(pod.name);
    if (part === undefined || pod.namespace !== namespaceOf(part) || pod.ending || isDone(pod)) continue;
    const cause = startCauseOf(cluster, pod);
    if (cause !== undefined) {
      say(
        "pod-cannot-start",
        `${part} of ${cluster.name}`,
        `pod ${pod.name} of ${cluster.name}${pod.node === "" ? "" : ` on ${pod.node}`} ${cause.what}`,
        nextFor(cluster, cause, pod),
      );
      continue;
    }
    const sick = pod.containers.filter((c) => !c.ready);
    // A crashing container makes its neighbours unready too, so it is named first.
    const worst = sick.toSorted(
      (a, b) => Number(b.trouble !== "") - Number(a.trouble !== "") || b.restarts - a.restarts,
    );
    const [first] = worst;
    if (first === undefined) continue;
    const last = lastWordsOf(cluster, pod, first);
    say(
      "container-not-ready",
      `${first.name} of ${cluster.name} on ${pod.node}`,
      `container ${first.name} of ${pod.name} (${cluster.name}, node ${pod.node}) is not ready${first.trouble === "" ? "" : `: ${first.trouble}`}, ${first.restarts} restarts${endText(first)}${last === undefined ? "" : `: ${last.text}`}`,
      afterNode(cluster, pod.node) ?? last?.next ?? afterEnd(pod, first),
    );
  }
}

/** A Job's pod whose containers have all ended well. */
const isDone = ({ ended, containers }: PodState): boolean =>
  ended === true && containers.every((c) => (c.ended?.code ?? 0) === 0 && !/error/i.test(c.trouble));

const endText = ({ ended }: ContainerState): string =>
  ended === undefined || ended.code === 0
    ? ""
    : `; it last ended with ${ended.reason === "" ? "exit code" : `${ended.reason}, exit code`} ${ended.code}`;

/** Whether the kernel killed it because its memory limit was reached. */
export const isOutOfMemory = ({ ended, trouble }: ContainerState): boolean =>
  [ended?.reason, trouble].includes("OOMKilled");

/** The Helm value with the resources of a container. */
const resourcesOf: Readonly<Record<string, string>> = {
  "cilium-agent": "resources",
  "cilium-operator": "operator.resources",
  apiserver: "clustermesh.apiserver.resources",
  kvstoremesh: "clustermesh.apiserver.kvstoremesh.resources",
  etcd: "clustermesh.apiserver.etcd.resources",
};

/** The run that ended, if one has; a log does not say that the kernel killed the process, so its memory limit is named. */
export function afterEnd(pod: PodState, container: ContainerState): string {
  const { name } = container;
  if (!isOutOfMemory(container)) {
    const restarted = container.restarts > 0;
    // One that never started has no log at all.
    if (!restarted && container.ended === undefined && pod.waiting?.some((w) => w.container === name))
      return kubectl(pod.namespace, "describe", `pod/${pod.name}`);
    const run = restarted ? ["--previous"] : [];
    return kubectl(pod.namespace, "logs", `pod/${pod.name}`, "-c", name, ...run);
  }
  const value = Object.hasOwn(resourcesOf, name) ? resourcesOf[name] : undefined;
  return `raise its memory limit: ${value === undefined ? `resources.limits.memory of container ${name}` : `${value}.limits.memory in the Helm values`}`;
}

/** Workloads with too few ready pods, of which nothing is said yet. */
function incomplete(
  cluster: ClusterSnapshot,
  { say, found }: { readonly say: Say; readonly found: readonly Finding[] },
): void {
  const namespaceOf = namespacesOf(cluster);
  for (const w of known(cluster.workloads)) {
    if (w.namespace !== namespaceOf(w.name) || parts[w.name] === undefined) continue;
    if (w.desired === 0 || w.ready >= w.desired) continue;
    const cause = creationCause(w, eventsOf(cluster));
    if (cause !== undefined) {
      say(
        "pod-cannot-start",
        `${w.name} of ${cluster.name}`,
        `a pod of ${w.name} of ${cluster.name} cannot be created: it ${cause.what}`,
        cause.missing === undefined
          ? kubectl(w.namespace, "get", "events", "--field-selector", "reason=FailedCreate")
          : nextFor(cluster, cause, w),
      );
      continue;
    }
    if (found.some((f) => f.message.includes(w.name))) continue;
    say(
      "workload-not-ready",
      `${w.name} of ${cluster.name}`,
      `${parts[w.name]} of ${cluster.name}: ${w.ready} of ${w.desired} ready`,
      kubectl(w.namespace, "describe", "pods"),
    );
  }
}

/** The part of the control plane that a pod is of, by its name: `cilium-x7k2p` is an agent, `cilium-operator-...` is not. */
export function partOf(pod: string): string | undefined {
  if (pod.startsWith("cilium-operator-")) return "cilium-operator";
  if (pod.startsWith("clustermesh-apiserver-")) return "clustermesh-apiserver";
  if (pod.startsWith("coredns-")) return "coredns";
  return /^cilium-[a-z0-9]{5}$/.test(pod) ? "cilium" : undefined;
}
