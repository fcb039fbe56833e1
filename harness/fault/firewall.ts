import { onNode } from "#harness/cluster/kind-cluster.ts";
import { MeshproofError } from "#harness/core/errors.ts";
import { type Fault, type FaultContext, type InjectedFault, injected } from "./fault.ts";

/** Marks our rules in a node's firewall: healing removes these and no others. */
const comment = "meshproof-fault";

interface Rule {
  readonly chain: "INPUT" | "OUTPUT";
  readonly match: readonly string[];
}

/** Drops at the raw table, before connection tracking: established flows are hit too. */
async function drop(
  context: FaultContext,
  name: string,
  node: string,
  rules: readonly Rule[],
): Promise<InjectedFault> {
  const chainOf = (rule: Rule): string => (rule.chain === "INPUT" ? "PREROUTING" : "OUTPUT");
  const args = (rule: Rule): string[] => [
    chainOf(rule),
    ...rule.match,
    "-m",
    "comment",
    "--comment",
    comment,
    "-j",
    "DROP",
  ];
  for (const rule of rules)
    await onNode(node, ["iptables", "-w", "-t", "raw", "-I", ...args(rule)], { signal: context.signal });
  return injected(name, `node ${node}`, async () => {
    await healFirewalls(node, AbortSignal.timeout(30_000));
  });
}

/** The worker of a cluster, or the node that `of` picks. */
async function nodeIn(context: FaultContext, cluster: string): Promise<string> {
  const nodes = await context.mesh.cluster(cluster).nodes();
  const node = nodes.find((n) => n.role === "worker") ?? nodes[0];
  if (node === undefined)
    throw new MeshproofError("fault-no-effect", `cluster ${cluster} has no node to harm`);
  return node.name;
}

/** VXLAN into one node is dropped; out of it, it still flows. */
export const vxlanDrop: Fault = {
  name: "vxlan-drop",
  does: "drops UDP 8472 that arrives at one worker: tunnelled traffic reaches it no more",
  async inject(context) {
    const node = await nodeIn(context, context.mesh.clusters[0]!.name);
    return drop(context, "vxlan-drop", node, [{ chain: "INPUT", match: ["-p", "udp", "--dport", "8472"] }]);
  },
};

/** The agents' health port on one node. */
export const healthDrop: Fault = {
  name: "health-drop",
  does: "drops TCP 4240 that arrives at one worker: its agent's health responder is out of reach",
  async inject(context) {
    const node = await nodeIn(context, context.mesh.clusters[0]!.name);
    return drop(context, "health-drop", node, [{ chain: "INPUT", match: ["-p", "tcp", "--dport", "4240"] }]);
  },
};

/** Removes every rule of ours from a node and sees them gone; answers whether there were any. */
export async function healFirewalls(node: string, signal: AbortSignal): Promise<boolean> {
  const ours = async (): Promise<string[]> =>
    (await onNode(node, ["iptables-save", "-t", "raw"], { signal })).stdout
      .split("\n")
      .filter((line) => line.startsWith("-A ") && line.includes(comment));
  const rules = await ours();
  for (const rule of rules) {
    const argv = rule.replaceAll('"', "").split(" ").slice(1);
    await onNode(node, ["iptables", "-w", "-t", "raw", "-D", ...argv], { signal });
  }
  if ((await ours()).length > 0)
    throw new MeshproofError("cleanup-failed", `firewall rules of ours are left on ${node}`);
  return rules.length > 0;
}
