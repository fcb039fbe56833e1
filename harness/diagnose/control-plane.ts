import { shellQuote } from "#harness/lib/shell-quote.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { ciliumNamespace, known, kubectl } from "./parts.ts";

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

function inCluster(cluster: ClusterSnapshot): Finding[] {
  const found: Finding[] = [];
  const own = ciliumNamespace(cluster);
  const namespaceOf = (part: string): string => (part === "coredns" ? "kube-system" : own);
  const say = (subject: string, message: string, next: string): void =>
    void found.push({
      layer: "control plane",
      severity: "broken",
      cluster: cluster.name,
      subject,
      message,
      next,
    });
  for (const { node, stopped } of cluster.nodeStates)
    for (const line of stopped)
      say(
        `process ${line.split(" ")[0]} on ${node}`,
        `${line.split(" ")[0]} on node ${node} is stopped (state T): ${line.slice(0, 120)}`,
        shellQuote(["docker", "exec", node, "pkill", "-CONT", "-f", line.slice(0, 40)]),
      );
  for (const w of known(cluster.workloads)) {
    if (w.namespace !== namespaceOf(w.name) || parts[w.name] === undefined || w.desired > 0) continue;
    say(
      `${w.name} of ${cluster.name}`,
      `${parts[w.name]} of ${cluster.name} is scaled to zero`,
      kubectl(w.namespace, "scale", `deployment/${w.name}`, "--replicas", "1"),
    );
  }
  for (const pod of known(cluster.pods)) {
    const part = partOf(pod.name);
    if (part === undefined || pod.namespace !== namespaceOf(part) || pod.ending) continue;
    const sick = pod.containers.filter((c) => !c.ready);
    // A crashing container makes its neighbours unready too, so it is named first.
    const worst = sick.toSorted(
      (a, b) => Number(b.trouble !== "") - Number(a.trouble !== "") || b.restarts - a.restarts,
    );
    const [first] = worst;
    if (first === undefined) continue;
    say(
      `${first.name} of ${cluster.name} on ${pod.node}`,
      `container ${first.name} of ${pod.name} (${cluster.name}, node ${pod.node}) is not ready${first.trouble === "" ? "" : `: ${first.trouble}`}, ${first.restarts} restarts`,
      kubectl(pod.namespace, "logs", `pod/${pod.name}`, "-c", first.name, "--previous"),
    );
  }
  for (const w of known(cluster.workloads)) {
    if (w.namespace !== namespaceOf(w.name) || parts[w.name] === undefined) continue;
    if (w.desired === 0 || w.ready >= w.desired) continue;
    if (found.some((f) => f.message.includes(w.name))) continue;
    say(
      `${w.name} of ${cluster.name}`,
      `${parts[w.name]} of ${cluster.name}: ${w.ready} of ${w.desired} ready`,
      kubectl(w.namespace, "describe", "pods"),
    );
  }
  for (const agent of cluster.agents)
    if (!agent.remotes.ok && agent.remotes.absent !== true)
      say(
        `the agent of ${agent.node}`,
        `the agent of ${cluster.name}/${agent.node} does not answer: ${agent.remotes.why}`,
        `check its container on ${agent.node}`,
      );
  return found;
}

/** `cilium-x7k2p` is an agent, `cilium-operator-...` is not. */
function partOf(pod: string): string | undefined {
  if (pod.startsWith("cilium-operator-")) return "cilium-operator";
  if (pod.startsWith("clustermesh-apiserver-")) return "clustermesh-apiserver";
  if (pod.startsWith("coredns-")) return "coredns";
  return /^cilium-[a-z0-9]{5}$/.test(pod) ? "cilium" : undefined;
}
