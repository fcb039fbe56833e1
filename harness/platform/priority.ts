import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { command } from "./command.ts";

/** cgroup v1 has a hierarchy for processor time alone: a process can be moved there without leaving its container. */
const cpuRoot = "/sys/fs/cgroup/cpu";

/**
 * Who runs in real time: a group of the cpu hierarchy each, with its own time, for whoever spends it all stands still
 * until the second is over. The probers use a fifth of theirs; what runs behind them must not be able to stop them.
 */
interface Rank {
  readonly group: string;
  readonly priority: number;
  /** Of each second on each processor. */
  readonly realTimeUs: number;
}
const prober: Rank = { group: join(cpuRoot, "meshproof-prober"), priority: 2, realTimeUs: 500_000 };
const behindProbers: Rank = { group: join(cpuRoot, "meshproof-behind"), priority: 1, realTimeUs: 400_000 };

/**
 * Lets the processes whose command line holds a mark run as soon as they want to (SCHED_FIFO), so that on two cores
 * they do not wait behind what they measure: a weight gave them their share but not at once, and a send or an answer
 * was stamped up to 65 ms late. Only they: weighing a whole node up starved the control plane beside it and made
 * failovers three times as long. Answers whether it could: on cgroup v2, or without the right, the rig's own limits
 * judge what was measured.
 */
export async function prioritise(mark: string): Promise<boolean> {
  try {
    const pids = await processesWhere("cmdline", (text) => text.includes(mark));
    for (const pid of pids) await goFirst(pid, prober);
    return pids.length > 0;
  } catch {
    return false;
  }
}

/**
 * The same for the processes of some pods, by their uid, behind the probers: backends that wait for a processor lose
 * requests that the mesh delivered. On two cores a restarting agent starved them for up to 900 ms.
 */
export async function prioritisePods(uids: readonly string[]): Promise<void> {
  // The systemd driver of cgroups writes a uid with underscores.
  const marks = uids.flatMap((uid) => [uid, uid.replaceAll("-", "_")]);
  try {
    for (const pid of await processesWhere("cgroup", (text) => marks.some((m) => text.includes(m))))
      await goFirst(pid, behindProbers);
  } catch {
    // As above.
  }
}

/**
 * The same for this process, behind the probers: it stamps what API servers and kvstores tell, and waited up to 300 ms
 * for a processor with it. What it starts meanwhile is not favoured. Disposing puts it back.
 */
export async function prioritiseSelf(): Promise<AsyncDisposable> {
  const pid = String(process.pid);
  const home = /^\d+:[^:]*\bcpu\b[^:]*:(.*)$/m.exec(await readFile("/proc/self/cgroup", "utf8"))?.[1];
  try {
    await goFirst(pid, behindProbers, ["--reset-on-fork"]);
  } catch {
    // Without cgroup v1 or the right the stamps are as good as the scheduler; their error is stated.
  }
  return {
    async [Symbol.asyncDispose]() {
      await command("chrt", ["--all-tasks", "--other", "--pid", "0", pid], { tolerate: true });
      if (home !== undefined)
        await writeFile(join(cpuRoot, home, "cgroup.procs"), pid).catch(() => undefined);
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
  // A kernel with real-time groups allows none to a group that was given no time of its own.
  await writeFile(join(group, "cpu.rt_runtime_us"), String(realTimeUs)).catch(() => {});
  await writeFile(join(group, "cgroup.procs"), pid);
  await command("chrt", [...options, "--all-tasks", "--fifo", "--pid", String(priority), pid]);
}

/** Removes the groups once their last process has ended; before that they cannot be removed, and the next one to end does. */
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
