import { shellQuote } from "#harness/lib/shell-quote.ts";
import type { ObjectCondition } from "#harness/model/api-objects.ts";
import type { ClusterSnapshot, NodeState } from "#harness/model/mesh-snapshot.ts";
import { ciliumNamespace, known, kubectl } from "./parts.ts";
import { isLocalNode } from "./repairs.ts";

// What kubelet says of a node that is not well, and what to do on it.

const readyOf = ({ conditions = [] }: NodeState): ObjectCondition | undefined =>
  conditions.find((c) => c.type === "Ready");

/** Pressures, and the lack of a network. */
export const pressuresOf = ({ conditions = [] }: NodeState): readonly ObjectCondition[] =>
  conditions.filter((c) => c.type !== "Ready");

const words = ({ reason, message }: ObjectCondition): string =>
  [reason, message.replaceAll(/\s+/g, " ").trim()].filter((text) => text !== "").join(": ");

/** Of a condition: `DiskPressure (KubeletHasDiskPressure: kubelet has disk pressure)`. */
export const named = (condition: ObjectCondition): string => `${condition.type} (${words(condition)})`;

/** kubelet's own words on why the node is not Ready; evidence of earlier versions has none. */
export function notReady(node: NodeState): string {
  const ready = readyOf(node);
  const why = ready === undefined ? "" : words(ready);
  const also = pressuresOf(node).map(named);
  return `node ${node.name} is not Ready${why === "" ? "" : `: ${why}`}${also.length === 0 ? "" : `; it has ${also.join(" and ")}`}`;
}

/** As kubelet (pkg/kubelet/runtime.go) and the runtime's client write it. */
const runtimeDown = /container runtime is down|(?:containerd|crio|cri-dockerd)\.sock|RuntimeReady=false/i;
const runtimeSlow = /PLEG is not healthy/;
const networkMissing =
  /NetworkPluginNotReady|NetworkReady=false|network plugin is not ready|cni (?:plugin not initialized|config uninitialized)/i;
const silent = /Kubelet (?:stopped|never) post/i;

/** Whether only the network of the node is missing, which its agent sets up: then what keeps the agent from it is the cause. */
export function awaitsNetwork(node: NodeState): boolean {
  const { message = "" } = readyOf(node) ?? {};
  return networkMissing.test(message) && !runtimeDown.test(message);
}

/** What to do about a node that is not Ready, by kubelet's own words and the states of its units. */
export function notReadyRepair(cluster: ClusterSnapshot, node: NodeState): string {
  const { name } = node;
  const { reason = "", message = "" } = readyOf(node) ?? {};
  const units: Readonly<Record<string, string>> =
    cluster.nodeStates.find((n) => n.node === name)?.units ?? {};
  const isOff = (unit: string): boolean => ["inactive", "failed"].includes(units[unit] ?? "");
  const repair = (verb: "start" | "restart", unit: string): string =>
    `${onMachine(cluster, name, ["systemctl", verb, unit])}; for why it stopped, read \`${shellQuote(logOf(cluster, name, unit))}\``;
  if (isOff("containerd")) return repair("start", "containerd");
  if (isOff("kubelet")) return repair("start", "kubelet");
  if (runtimeDown.test(message))
    return repair(units.containerd === "active" ? "restart" : "start", "containerd");
  // The machine is often only overloaded.
  if (runtimeSlow.test(message))
    return `read \`${shellQuote(logOf(cluster, name, "kubelet"))}\` and the load of the node; then, if the runtime hangs: ${repair("restart", "containerd")}`;
  if (reason === "NodeStatusUnknown" || silent.test(message))
    return units.kubelet === "active"
      ? `kubelet runs on it, and its reports do not arrive: read \`${shellQuote(logOf(cluster, name, "kubelet"))}\`, and check what keeps its packets from the API server`
      : repair("start", "kubelet");
  const describe = kubectl("", "describe", `node/${name}`);
  return isLocalNode(cluster, name)
    ? `${describe}; then read \`${shellQuote(logOf(cluster, name, "kubelet"))}\``
    : describe;
}

function onMachine(cluster: ClusterSnapshot, node: string, argv: readonly string[]): string {
  if (isLocalNode(cluster, node)) return shellQuote(["docker", "exec", node, ...argv]);
  const other = argv.includes("containerd") ? " (crio, where CRI-O runs its containers)" : "";
  return `on node ${node}, as root: ${shellQuote(argv)}${other}`;
}

const logOf = (cluster: ClusterSnapshot, node: string, unit: string): readonly string[] => [
  ...(isLocalNode(cluster, node) ? ["docker", "exec", node] : []),
  ...["journalctl", "-u", unit, "-n", "50"],
];

/** What to do about what follows from a node that is not Ready; undefined where the node is well. */
export function afterNode(cluster: ClusterSnapshot, name: string): string | undefined {
  const node = known(cluster.nodes).find((n) => n.name === name);
  if (node === undefined || node.ready || awaitsNetwork(node)) return undefined;
  return `restore node ${name} first: it is not Ready, and nothing starts or stops on it`;
}

/** What relieves a node; kubelet does the rest by itself. */
export function relief(cluster: ClusterSnapshot, { type }: ObjectCondition): string {
  if (type === "DiskPressure") return "free space on the disk of that node: images, logs, volumes";
  if (type === "MemoryPressure") return "move pods away from that node, or set limits to their memory";
  if (type === "PIDPressure") return "find what starts so many processes on that node, and end it";
  return `the operator clears it once the agent of that node is ready: ${kubectl(ciliumNamespace(cluster), "get", "pods", "-o", "wide")}`;
}
