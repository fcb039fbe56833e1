import { randomBytes } from "node:crypto";
import { lstat, lutimes, mkdir, readdir, readlink, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { monotonicMs, unixNowMs } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { pause } from "#harness/lib/eventually.ts";
import type { ProcessMark } from "#harness/model/process-mark.ts";
import { isAlive, thisProcess } from "./machine.ts";

// A folder holds symbolic links `holder-1`, `holder-2`...; the one with the highest number says who holds the lock: its
// target is the holder's mark as JSON, or `free`. A link is created with its content in one step, and never over
// another. The highest number never falls, so whoever looked too early cannot take what somebody else took meanwhile.
// (proper-lockfile goes by the time of a file alone: it takes the lock from a holder that is stopped or slow, and
// makes a dead one's wait.)

export interface FolderLock extends AsyncDisposable {
  /** Aborts with a `lock-lost` error when somebody removed or replaced the lock. */
  readonly lost: AbortSignal;
}

interface Holder extends ProcessMark {
  /** Processes of another pid namespace are not seen from here: theirs counts while it is renewed. */
  readonly pidNamespace: string;
  readonly nonce: string;
}

interface Entry {
  readonly number: number;
  /** Nothing where the lock is free. */
  readonly text: string | undefined;
}

const free = "free";
const renewMs = 1000;
/** The longest that a holder of another pid namespace may leave its lock without renewal. */
const silentMs = 60_000;

const fileOf = (folder: string, number: number): string => join(folder, `holder-${number}`);

/**
 * Takes an exclusive lock on a folder, across processes. A holder that is gone loses it at once, a living one never,
 * however long it is stopped. Throws `lab-busy` where it is still held after `waitMs`.
 */
export async function lockFolder(
  folder: string,
  options: { readonly what: string; readonly waitMs: number; readonly signal?: AbortSignal },
): Promise<FolderLock> {
  const deadlineMs = monotonicMs() + options.waitMs;
  const signal = options.signal ?? new AbortController().signal;
  await mkdir(folder, { recursive: true });
  const self: Holder = {
    ...(await thisProcess()),
    pidNamespace: await pidNamespace(),
    nonce: randomBytes(8).toString("hex"),
  };
  for (;;) {
    const latest = await latestOf(folder);
    if (latest === undefined || !(await isHeld(folder, latest))) {
      const number = (latest?.number ?? 0) + 1;
      if (await take(folder, number, JSON.stringify(self)))
        return hold(folder, number, JSON.stringify(self), options.what);
    } else if (monotonicMs() >= deadlineMs) {
      throw busy(options.what, fileOf(folder, latest.number), latest.text ?? "");
    } else await pause(Math.min(200, Math.max(1, deadlineMs - monotonicMs())), signal);
  }
}

/** The process that holds a folder's lock; nothing where it is free, or the folder cannot be read. */
export async function holderOf(folder: string): Promise<ProcessMark | undefined> {
  const latest = await latestOf(folder).catch(() => undefined);
  if (latest === undefined || !(await isHeld(folder, latest))) return undefined;
  return parse(latest.text ?? "");
}

async function take(folder: string, number: number, text: string): Promise<boolean> {
  try {
    await symlink(text, fileOf(folder, number));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
  const numbers = await numbersOf(folder);
  const won = Math.max(...numbers) === number;
  // What is older says nothing any more. Where a higher number is there, this one came too late.
  for (const old of won ? numbers.filter((n) => n < number) : [number])
    await rm(fileOf(folder, old), { force: true });
  return won;
}

/** Renews the lock and looks whether it is still there, until it is released. */
function hold(folder: string, number: number, text: string, what: string): FolderLock {
  const lost = new AbortController();
  const file = fileOf(folder, number);
  const look = async (): Promise<void> => {
    const latest = await latestOf(folder);
    if (latest?.number !== number || latest.text !== text) {
      clearInterval(timer);
      lost.abort(
        new MeshproofError("lock-lost", `the lock on ${what} was lost: ${file} was removed or replaced`, {
          remedy: "see that no other command works on it, and run this one again",
        }),
      );
      return;
    }
    const now = new Date();
    await lutimes(file, now, now);
  };
  // A folder that cannot be read for a moment is no loss.
  const timer = setInterval(() => void look().catch(() => {}), renewMs);
  timer.unref();
  return {
    lost: lost.signal,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      const latest = await latestOf(folder).catch(() => undefined);
      // What is somebody else's by now is left to them.
      if (latest?.number !== number || latest.text !== text) return;
      // The highest number must not fall: the next one says that the lock is free.
      await symlink(free, fileOf(folder, number + 1)).catch(() => {});
      await rm(file, { force: true });
    },
  };
}

async function numbersOf(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names.flatMap((name) => /^holder-(\d+)$/.exec(name)?.[1] ?? []).map(Number);
}

async function latestOf(folder: string): Promise<Entry | undefined> {
  for (;;) {
    const numbers = await numbersOf(folder);
    if (numbers.length === 0) return undefined;
    const number = Math.max(...numbers);
    try {
      const text = await readlink(fileOf(folder, number));
      return { number, text: text === free ? undefined : text };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Something else under the name: held, by nobody who can be named.
      if (code === "EINVAL") return { number, text: "" };
      // Removed since it was listed, so a higher number is there.
      if (code !== "ENOENT") throw error;
    }
  }
}

async function isHeld(folder: string, { number, text }: Entry): Promise<boolean> {
  if (text === undefined) return false;
  const holder = parse(text);
  if (holder === undefined) return true;
  const here = await thisProcess();
  if (holder.bootId !== here.bootId) return false;
  if (holder.pidNamespace === (await pidNamespace())) return isAlive(holder);
  const renewed = (await lstat(fileOf(folder, number)).catch(() => undefined))?.mtimeMs ?? 0;
  return unixNowMs() - renewed < silentMs;
}

function parse(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Holder> | null;
    return typeof value?.pid === "number" && typeof value.pidStart === "string"
      ? (value as Holder)
      : undefined;
  } catch {
    return undefined;
  }
}

function busy(what: string, file: string, text: string): MeshproofError {
  const pid = parse(text)?.pid;
  return pid === undefined
    ? new MeshproofError("lab-busy", `${what} is locked by ${file}, which names no process`, {
        remedy: "if no other command runs, remove that file",
      })
    : new MeshproofError("lab-busy", `${what} is in use by process ${pid}`, {
        remedy: "wait for that command to end, or end it",
      });
}

const pidNamespace = (): Promise<string> => readlink("/proc/self/ns/pid").catch(() => "");
