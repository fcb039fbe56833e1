import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { command } from "./command.ts";
import { kernelText } from "./machine.ts";

/** cgroup v1 has a separate hierarchy for processor time: a process can be moved in it without leaving its container. */
const cpuRoot = "/sys/fs/cgroup/cpu";

/**
 * A class of real-time processes. Each has its own cgroup with its own real-time budget, because a group that spends its
 * budget is stopped until the end of the second, and lower classes must not stop the probers, which use a fifth of theirs.
 */
interface Rank {
  readonly group: string;
  readonly priority: number;
  /** Budget per second and processor. */
  readonly realTimeUs: number;
}
const prober: Rank = { group: join(cpuRoot, "meshproof-prober"), priority: 2, realTimeUs: 500_000 };
const behindProbers: Rank = { group: join(cpuRoot, "meshproof-behind"), priority: 1, realTimeUs: 400_000 };

/**
 * Runs the processes whose command line contains a mark in real time (SCHED_FIFO), so that on two cores they do not wait
 * for the processes that they measure. A higher cgroup weight was not enough: timestamps were up to 65 ms late. A higher
 * weight for the whole node starved the control plane and made failovers three times as long. Returns whether it
 * succeeded: without cgroup v1 or the permission, the limits of the test machine decide whether measurements are valid.
 */
export async function prioritise(mark: string): Promise<boolean> {
  try {
    const pids = await processesWhere("cmdline", (text) => text.includes(mark));
    return await allFirst(pids, prober);
  } catch {
    return false;
  }
}

/**
 * Whether this machine lets the harness schedule processes in real time, tried with a process that does nothing. Known
 * before a measurement begins, as part of its setting.
 */
export async function reachesRealTime(): Promise<boolean> {
  const idle = spawn("sleep", ["60"], { stdio: "ignore" });
  try {
    await once(idle, "spawn");
    await goFirst(String(idle.pid), prober);
    return true;
  } catch {
    return false;
  } finally {
    idle.kill("SIGKILL");
    await forgetPriority();
  }
}

/**
 * Runs the processes of some pods, by their uid, in real time, at a lower priority than the probers. Backends that wait for a
 * processor lose requests that the mesh delivered: on two cores a restarting agent starved them for up to 900 ms.
 * Returns whether it succeeded. Processes that their pods start later are not in real time.
 */
export async function prioritisePods(uids: readonly string[]): Promise<boolean> {
  // The systemd driver of cgroups writes a uid with underscores.
  const marks = uids.flatMap((uid) => [uid, uid.replaceAll("-", "_")]);
  try {
    const pids = await processesWhere("cgroup", (text) => marks.some((m) => text.includes(m)));
    return await allFirst(pids, behindProbers);
  } catch {
    // Real time is optional, as for the probers.
    return false;
  }
}

/**
 * The same for this process, at a lower priority than the probers: it timestamps events of API servers and kvstores, and
 * otherwise waits up to 300 ms for a processor. Children do not inherit the priority. Disposing restores it.
 */
export async function prioritiseSelf(): Promise<AsyncDisposable> {
  const pid = String(process.pid);
  const originalGroup = /^\d+:[^:]*\bcpu\b[^:]*:(.*)$/m.exec(
    await readFile("/proc/self/cgroup", "utf8"),
  )?.[1];
  try {
    await goFirst(pid, behindProbers, ["--reset-on-fork"]);
  } catch {
    // Without cgroup v1 or the permission the timestamps depend on the scheduler; their error bound is recorded.
  }
  return {
    async [Symbol.asyncDispose]() {
      await command("chrt", ["--all-tasks", "--other", "--pid", "0", pid], { tolerate: true });
      if (originalGroup !== undefined)
        await writeFile(join(cpuRoot, originalGroup, "cgroup.procs"), pid).catch(() => undefined);
      await forgetPriority();
    },
  };
}

async function goFirst(
  pid: string,
  { group, priority, realTimeUs }: Rank,
  options: readonly string[] = [],
): Promise<void> {
  await readFile(join(cpuRoot, "cpu.shares"));
  await mkdir(group, { recursive: true });
  await writeFile(join(group, "cpu.shares"), "8192");
  // A kernel with real-time groups refuses real time in a group without its own budget.
  await writeFile(join(group, "cpu.rt_runtime_us"), String(realTimeUs)).catch(() => {});
  await writeFile(join(group, "cgroup.procs"), pid);
  await command("chrt", [...options, "--all-tasks", "--fifo", "--pid", String(priority), pid]);
}

/**
 * Whether a process was left to move: one may end after it was listed, such as a shell of a probe, and the others count
 * all the same.
 */
async function allFirst(pids: readonly string[], rank: Rank): Promise<boolean> {
  const moved = pids.map(async (pid) => {
    try {
      await goFirst(pid, rank);
      return true;
    } catch (error) {
      if (kernelText(`/proc/${pid}/stat`) !== "") throw error;
      return false;
    }
  });
  return (await Promise.all(moved)).includes(true);
}

/** Removes the groups if they have no process left; otherwise a later call removes them. */
export async function forgetPriority(): Promise<void> {
  for (const { group } of [prober, behindProbers]) await rmdir(group).catch(() => {});
}

async function processesWhere(
  file: "cmdline" | "cgroup",
  expected: (text: string) => boolean,
): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const text = await readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
    if (expected(text)) found.push(pid);
  }
  return found;
}
