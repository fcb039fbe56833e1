import { steadyUnixMs } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { eventually, notYet, preparedWithinMs, ready } from "#harness/lib/eventually.ts";
import { command, output } from "#harness/platform/command.ts";
import { type LocalNode, onNode } from "../node.ts";
import type { KindNode } from "./kind-node.ts";

/** Control over a node's container and its processes, for faults and their undo steps. */

async function stateOf({ container }: KindNode): Promise<string> {
  const found = await command("docker", ["inspect", "--format", "{{.State.Status}}", container], {
    tolerate: true,
  });
  return found.stdout.trim();
}

export async function pauseNode(node: KindNode, signal: AbortSignal): Promise<void> {
  await command("docker", ["pause", node.container], { signal });
}

export async function unpauseNode(node: KindNode, signal: AbortSignal): Promise<void> {
  if ((await stateOf(node)) === "paused") await command("docker", ["unpause", node.container], { signal });
}

export async function stopNode(node: KindNode, signal: AbortSignal): Promise<void> {
  await command("docker", ["stop", "--time", "2", node.container], { signal });
}

export async function startNode(node: KindNode, signal: AbortSignal): Promise<void> {
  if ((await stateOf(node)) === "exited") await command("docker", ["start", node.container], { signal });
}

/** Processes of a node whose command line matches: pid and state letter (`T` is stopped). */
export async function processesOf(
  node: KindNode,
  pattern: string,
  signal: AbortSignal,
): Promise<{ pid: number; state: string }[]> {
  const pids = (await onNode(node, ["pgrep", "-f", pattern], { signal, tolerate: true })).stdout.split("\n");
  const found: { pid: number; state: string }[] = [];
  for (const pid of pids.filter((p) => p !== "")) {
    const stat = (await onNode(node, ["cat", `/proc/${pid}/stat`], { signal, tolerate: true })).stdout;
    if (stat !== "") found.push({ pid: Number(pid), state: stat.slice(stat.lastIndexOf(")") + 2)[0] ?? "?" });
  }
  return found;
}

async function signalProcesses(
  node: KindNode,
  pattern: string,
  name: "STOP" | "CONT",
  signal: AbortSignal,
): Promise<number> {
  const found = await processesOf(node, pattern, signal);
  if (found.length > 0)
    await onNode(node, ["kill", `-${name}`, ...found.map((p) => String(p.pid))], { signal, tolerate: true });
  return found.length;
}

/** Kills the matching processes once; returns whether there were any. */
export async function killProcesses(node: KindNode, pattern: string, signal: AbortSignal): Promise<boolean> {
  return (await onNode(node, ["pkill", "-KILL", "-f", pattern], { signal, tolerate: true })).exitCode === 0;
}

export async function stopProcesses(node: KindNode, pattern: string, signal: AbortSignal): Promise<void> {
  if ((await signalProcesses(node, pattern, "STOP", signal)) === 0)
    throw new MeshproofError("fault-no-effect", `no process ${pattern} runs on ${node.name}`);
  await eventually(
    async () => {
      const running = (await processesOf(node, pattern, signal)).filter((p) => p.state !== "T");
      return running.length === 0 ? ready(undefined) : notYet(`${running.length} still run`);
    },
    { what: `${pattern} on ${node.name} to stop`, withinMs: preparedWithinMs, everyMs: 50, signal },
  );
}

export async function continueProcesses(node: KindNode, pattern: string, signal: AbortSignal): Promise<void> {
  await signalProcesses(node, pattern, "CONT", signal);
  const stopped = (await processesOf(node, pattern, signal)).filter((p) => p.state === "T");
  if (stopped.length > 0)
    throw new MeshproofError(
      "cleanup-failed",
      `${stopped.length} processes ${pattern} on ${node.name} are still stopped`,
    );
}

/** A shell command that lists `/proc/<pid>/cgroup` of a pod's processes, by the pod's uid. */
const cgroupsOf = (podUid: string): string =>
  `grep -lsE '${podUid.replaceAll("-", "[-_]")}' /proc/[0-9]*/cgroup`;

/** A process of a pod, found by the cgroup that kubelet names after the pod's uid; undefined if the pod is gone. */
export async function podProcess(
  node: LocalNode,
  podUid: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  const script = `${cgroupsOf(podUid)} | head -n 1`;
  const reported = await output("docker", ["exec", node.container, "sh", "-c", script], { signal });
  const pid = /\/proc\/(\d+)\//.exec(reported)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** A time on the harness's clock (`unixNowMs`) that is wrong by at most `errorMs`. */
interface Stamp {
  readonly atUnixMs: number;
  readonly errorMs: number;
}

/** Continues stopped processes on every node; returns when the last one went on, with the largest error. */
export async function continueAt(
  nodes: readonly KindNode[],
  pattern: string,
  signal: AbortSignal,
): Promise<Stamp> {
  const script = `date +%s%6N; pkill -CONT -f '${pattern}'; date +%s%6N`;
  const stamps = await Promise.all(
    nodes.map(async (node) => {
      const { stdout } = await onNode(node, ["sh", "-c", script], { signal });
      const [before = Number.NaN, after = Number.NaN] = stdout
        .trim()
        .split("\n")
        .map((us) => Number(us) / 1000);
      return { atUnixMs: steadyUnixMs((before + after) / 2), errorMs: (after - before) / 2 };
    }),
  );
  return {
    atUnixMs: Math.max(...stamps.map((s) => s.atUnixMs)),
    errorMs: Math.max(...stamps.map((s) => s.errorMs)),
  };
}

/** Kills every process of a pod (SIGKILL) except the one that holds its namespaces. */
export async function killPod(node: KindNode, podUid: string, signal: AbortSignal): Promise<void> {
  const script = `for p in $(${cgroupsOf(podUid)} | cut -d/ -f3); do [ "$(cat /proc/$p/comm 2>/dev/null)" = pause ] || kill -KILL $p 2>/dev/null; done; true`;
  await onNode(node, ["sh", "-c", script], { signal });
}
