import { join } from "node:path";
import { checkLabName } from "#harness/config/lab-name.ts";
import type { ProcessMark } from "#harness/model/process-mark.ts";
import { type FolderLock, holderOf, lockFolder } from "#harness/platform/lock.ts";
import { stateDir } from "#harness/platform/paths.ts";

const folderOf = (stateFolder: string, lab: string): string => join(stateFolder, "locks", checkLabName(lab));

/** By folder. */
const held = new Map<string, FolderLock>();
/** Folders of the locks that this process lost. */
const lost = new Set<string>();

/**
 * Does work on a lab under its lock: one command at a time changes or tests it. The work's signal fires also when the
 * lock is lost; the work then fails with `lock-lost`, whatever it made of that. Nested calls of one command share the
 * lock: `run` holds it from `up` to `down`.
 */
export async function withLab<T>(
  lab: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const folder = folderOf(stateDir(), lab);
  const outer = held.get(folder);
  if (outer !== undefined) return work(AbortSignal.any([signal, outer.lost]));
  await using lock = await lockFolder(folder, { what: `lab ${lab}`, waitMs: 5000, signal });
  lock.lost.addEventListener("abort", () => lost.add(folder), { once: true });
  held.set(folder, lock);
  try {
    const result = await work(AbortSignal.any([signal, lock.lost]));
    lock.lost.throwIfAborted();
    return result;
  } catch (error) {
    lock.lost.throwIfAborted();
    throw error;
  } finally {
    held.delete(folder);
  }
}

/** Whether this process held the lab's lock and lost it: what it made there is no longer its to remove. */
export const hasLostLock = (lab: string): boolean => lost.has(folderOf(stateDir(), lab));

/** The living process that works on a lab of some owner, as that owner's state folder tells; nothing where none does. */
export const workerOn = (stateFolder: string, lab: string): Promise<ProcessMark | undefined> =>
  holderOf(folderOf(stateFolder, lab));
