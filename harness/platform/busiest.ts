import { readdir } from "node:fs/promises";
import { processStat } from "./machine.ts";

const namesAtMost = 3;

/** Processes that used fewer ticks than this between two looks, a second apart, are ignored. */
const leastTicks = 5;

/** Processor time of every process of the host at one time; the difference of two looks shows the busy processes. */
export type ProcessTicks = ReadonlyMap<string, { readonly name: string; readonly ticks: number }>;

export async function lookAtProcesses(): Promise<ProcessTicks> {
  const look = new Map<string, { name: string; ticks: number }>();
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const stat = processStat(pid);
    // User and system time: fields 14 and 15 of the line.
    if (stat !== undefined)
      look.set(pid, { name: stat.name, ticks: Number(stat.fields[11]) + Number(stat.fields[12]) });
  }
  return look;
}

/** The programs that used most processor time between two looks, the busiest first, without processes of `isManaged`. */
export async function busiest(
  before: ProcessTicks,
  after: ProcessTicks,
  isManaged: (pid: string) => Promise<boolean>,
): Promise<string[]> {
  const used = new Map<string, number>();
  for (const [pid, { name, ticks }] of after) {
    const more = ticks - (before.get(pid)?.ticks ?? 0);
    if (more > 0 && !(await isManaged(pid))) used.set(name, (used.get(name) ?? 0) + more);
  }
  return [...used]
    .filter(([, ticks]) => ticks >= leastTicks)
    .sort(([, a], [, b]) => b - a)
    .slice(0, namesAtMost)
    .map(([name]) => name);
}
