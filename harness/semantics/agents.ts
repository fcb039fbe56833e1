/** A node as far as it decides whether an agent belongs on it. */
export interface NodeToServe {
  readonly name: string;
  /** The label `kubernetes.io/os`; a node without it counts as Linux. */
  readonly os?: string | undefined;
}

/**
 * The names of nodes that should have an agent and have none. The DaemonSet tolerates every taint and selects
 * `kubernetes.io/os: linux` (install/kubernetes/cilium/values.yaml:277-282@1.20.2, the same in 1.19 and 1.18).
 */
export function withoutAgent(
  nodes: readonly NodeToServe[],
  agents: readonly { readonly node: string }[],
): string[] {
  const served = new Set(agents.map((a) => a.node));
  return nodes
    .filter(({ name, os }) => (os ?? "linux") === "linux" && !served.has(name))
    .map((n) => n.name)
    .sort();
}
