import { join } from "node:path";
import { checkLabName } from "#harness/config/lab-name.ts";
import type { ProcessMark } from "#harness/model/process-mark.ts";
import { type FolderLock, holderOf, lockFolder } from "#harness/platform/lock.ts";
import { stateDir } from "#harness/platform/paths.ts";

const folderOf = (stateFolder: string, lab: string): string => join(stateFolder, "locks", checkLabName(lab));

/** By folder. */
const held = new Map<string, FolderLock>();
/** Folders whose lock this process lost. */
const lost = new Set<string>();

/**
 * Runs work on a lab under its lock, so that only one command at a time changes or tests it. If the lock is lost, the
 * work's signal fires, and this throws `lock-lost` whatever the work returns or throws. Nested calls in one command share
 * the lock: `run` holds it from `up` to `down`.
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

/** Whether this process lost the lab's lock, so that it must not remove what it created there. */
export const hasLostLock = (lab: string): boolean => lost.has(folderOf(stateDir(), lab));

/** The live process that holds the lock of an owner's lab, read from that owner's state folder; undefined if none. */
export const workerOn = (stateFolder: string, lab: string): Promise<ProcessMark | undefined> =>
  holderOf(folderOf(stateFolder, lab));
