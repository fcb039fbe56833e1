import { podProcess } from "#harness/cluster/kind/node-control.ts";
import { type LocalNode, onNode } from "#harness/cluster/node.ts";
import { MeshproofError } from "#harness/lib/errors.ts";

/** Beside the block itself: a slow machine takes seconds to start the command. */
const commandMs = 60_000;

export interface Blocked {
  readonly node: LocalNode;
  readonly podUid: string;
  /** A process in the pod's network namespace: found beforehand, because it takes a while. */
  readonly pid: number;
  /** Carried by the rule, so that an undo step finds it. */
  readonly mark: string;
}

export interface Block {
  readonly forMs: number;
  /** Since when its time counts, in Unix milliseconds, awaited while it is in force; its begin by default. */
  readonly since?: (beganUnixMs: number) => Promise<number>;
}

/** Throws `fault-no-effect` if the pod is gone. */
export async function blockable(pod: Omit<Blocked, "pid">, signal: AbortSignal): Promise<Blocked> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(commandMs)]);
  const pid = await podProcess(pod.node, pod.podUid, within);
  if (pid === undefined)
    throw new MeshproofError("fault-no-effect", `the pod ${pod.podUid} to block on ${pod.node.name} is gone`);
  return { ...pod, pid };
}

/**
 * Drops every TCP packet that a pod sends to others for a time, and returns how long it did, in milliseconds. The shell
 * that ends the block starts long before: its latency does not prolong it.
 */
export async function blockFor(
  { node, pid, mark }: Blocked,
  { forMs, since }: Block,
  signal: AbortSignal,
): Promise<number> {
  const rule = `OUTPUT -p tcp ! -o lo -m comment --comment ${mark} -j DROP`;
  const now = "$(date +%s%3N)";
  const inPod = async (...script: readonly string[]): Promise<number> => {
    const { stdout } = await onNode(
      node,
      ["nsenter", "-t", String(pid), "-n", "sh", "-c", ["set -e", ...script].join("; ")],
      { signal, timeoutMs: forMs + commandMs },
    );
    return Number(stdout.trim());
  };
  const beganUnixMs = await inPod(`iptables -w -I ${rule}`, `echo ${now}`);
  const sinceUnixMs = Math.round((await since?.(beganUnixMs)) ?? beganUnixMs);
  const endedUnixMs = await inPod(
    `left=$((${sinceUnixMs + Math.round(forMs)} - ${now}))`,
    `[ "$left" -le 0 ] || sleep "$(printf '%d.%03d' $((left / 1000)) $((left % 1000)))"`,
    `ended=${now}`,
    `iptables -w -D ${rule}`,
    'echo "$ended"',
  );
  return endedUnixMs - sinceUnixMs;
}
