import { execIn } from "#harness/platform/docker.ts";

export interface ClusterNode {
  /** The Kubernetes node name. */
  readonly name: string;
  readonly role: "control-plane" | "worker";
  readonly address: string;
  readonly running: boolean;
  /** Docker's state: running, paused, exited... Nodes that are not containers are `running`. */
  readonly state: string;
}

/** A node that is a container of this machine, so programs can run in it. */
export interface LocalNode {
  readonly name: string;
  readonly container: string;
}

/** Runs a program on a node, in the node's own network namespace. */
export async function onNode(
  node: LocalNode,
  argv: readonly string[],
  options: { signal?: AbortSignal; tolerate?: boolean; timeoutMs?: number } = {},
) {
  return execIn(node.container, argv, options);
}
