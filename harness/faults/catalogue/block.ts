import { podProcess } from "#harness/cluster/kind/node-control.ts";
import { type LocalNode, onNode } from "#harness/cluster/node.ts";
import { MeshproofError } from "#harness/lib/errors.ts";

/** Beside the block itself: a slow machine takes seconds to start the command. */
const commandMs = 60_000;

export interface Blocked {
  readonly node: LocalNode;
  readonly podUid: string;
  /** Carried by the rule, so that an undo step finds it. */
  readonly mark: string;
}

/**
 * Drops every TCP packet that a pod sends to others for a time, and returns how long it did, in milliseconds. With
 * `sinceUnixMs` the time counts from then. One shell on the node adds and removes the rule: the latency of a second
 * command would prolong the block. Throws `fault-no-effect` if the pod is gone.
 */
export async function blockFor(
  { node, podUid, mark }: Blocked,
  { forMs, sinceUnixMs }: { readonly forMs: number; readonly sinceUnixMs?: number },
  signal: AbortSignal,
): Promise<number> {
  const pid = await podProcess(node, podUid, signal);
  if (pid === undefined)
    throw new MeshproofError("fault-no-effect", `the pod ${podUid} to block on ${node.name} is gone`);
  const rule = `OUTPUT -p tcp ! -o lo -m comment --comment ${mark} -j DROP`;
  const now = "$(date +%s%3N)";
  const script = [
    "set -e",
    `iptables -w -I ${rule}`,
    `since=${sinceUnixMs === undefined ? now : Math.round(sinceUnixMs)}`,
    `left=$((since + ${Math.round(forMs)} - ${now}))`,
    `sleep "$(printf '%d.%03d' $((left / 1000)) $((left % 1000)))"`,
    `ended=${now}`,
    `iptables -w -D ${rule}`,
    "echo $((ended - since))",
  ].join("; ");
  const reported = await onNode(node, ["nsenter", "-t", String(pid), "-n", "sh", "-c", script], {
    signal,
    timeoutMs: forMs + commandMs,
  });
  return Number(reported.stdout.trim());
}
