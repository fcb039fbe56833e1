import { readdir, readFile } from "node:fs/promises";
import { statFields } from "#harness/platform/machine.ts";
import { currentOwner, unlabelled } from "#harness/platform/owner.ts";
import type { LabKey } from "./inventory.ts";

/** Set in the environment of every child of a command that works on a lab, to find orphans. */
export const labVariable = "MESHPROOF_CHILD_OF_LAB";

/** Marks all children that this process starts later. */
export function markChildren(lab: string): void {
  process.env[labVariable] = markOf({ lab, owner: currentOwner().id });
}

/** Ends processes that a killed command of this lab left behind. */
export async function killOrphans(key: LabKey): Promise<string[]> {
  const killed: string[] = [];
  for (const pid of await orphans(key)) {
    try {
      process.kill(pid, "SIGKILL");
      killed.push(`process ${pid}`);
    } catch {
      // It ended by itself.
    }
  }
  return killed;
}

/** Labs whose mark is in the environment of another process. */
export async function labsOfProcesses(): Promise<LabKey[]> {
  const labs: LabKey[] = [];
  for (const pid of await readdir("/proc").catch(() => [])) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const mark = await markIn(pid);
    if (mark !== undefined) labs.push(keyOfMark(mark));
  }
  return labs;
}

/** Marks of earlier versions have no owner. */
const markOf = ({ lab, owner }: LabKey): string => (owner === unlabelled ? lab : `${owner}/${lab}`);

export function keyOfMark(mark: string): LabKey {
  const cut = mark.indexOf("/");
  return cut < 0 ? { lab: mark, owner: unlabelled } : { lab: mark.slice(cut + 1), owner: mark.slice(0, cut) };
}

async function markIn(pid: number | string): Promise<string | undefined> {
  const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
  return environment
    .split("\0")
    .find((v) => v.startsWith(`${labVariable}=`))
    ?.slice(labVariable.length + 1);
}

/** Processes with the lab's mark, except this one, its ancestors and its children. */
async function orphans(key: LabKey): Promise<number[]> {
  const family = new Set<number>([process.pid]);
  for (let pid = process.ppid; pid > 1; ) {
    family.add(pid);
    pid = Number(statFields(pid)[1] ?? 0);
  }
  const found: number[] = [];
  for (const name of await readdir("/proc").catch(() => [])) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || family.has(pid)) continue;
    if ((await markIn(pid)) !== markOf(key)) continue;
    const parent = Number(statFields(pid)[1] ?? 0);
    if (parent !== process.pid) found.push(pid);
  }
  return found;
}
