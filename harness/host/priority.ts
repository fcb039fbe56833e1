import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** cgroup v1 has a hierarchy for processor time alone: a process can be weighed without leaving its container. */
const cpuRoot = "/sys/fs/cgroup/cpu";
const group = join(cpuRoot, "meshproof-prober");

/**
 * Gives the processes whose command line holds a mark eight times the weight of any other at the top of the host, so
 * that on two cores they do not wait behind what they measure. Only they: weighing a whole node up starved the control
 * plane beside it and made failovers three times as long. Answers whether it could: on cgroup v2, or without the
 * right, the rig's own limits judge what was measured.
 */
export async function prioritise(mark: string): Promise<boolean> {
  try {
    await readFile(join(cpuRoot, "cpu.shares"));
    await mkdir(group, { recursive: true });
    await writeFile(join(group, "cpu.shares"), "8192");
    const pids = await processesWith(mark);
    for (const pid of pids) await writeFile(join(group, "cgroup.procs"), pid);
    return pids.length > 0;
  } catch {
    return false;
  }
}

/** Removes the group once its last process has ended; before that it cannot be removed, and the next one to end does. */
export async function forgetPriority(): Promise<void> {
  await rmdir(group).catch(() => {});
}

async function processesWith(mark: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const text = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (text.includes(mark)) found.push(pid);
  }
  return found;
}
