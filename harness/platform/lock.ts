import { randomBytes } from "node:crypto";
import { lstat, lutimes, mkdir, readdir, readlink, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { monotonicMs, unixNowMs } from "#harness/lib/clock.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { pause } from "#harness/lib/eventually.ts";
import type { ProcessMark } from "#harness/model/process-mark.ts";
import { isAlive, thisProcess } from "./machine.ts";

// A folder contains symbolic links `holder-1`, `holder-2`...; the one with the highest number is the lock's state: its
// target is the holder's process mark as JSON, or `free`. Creating a link with its content is atomic and never replaces
// another link. The highest number never decreases, so a process with an outdated view cannot take a lock that another
// process took meanwhile. (proper-lockfile only uses a file's modification time: it takes the lock from a stopped or
// slow holder, and makes others wait for a dead one.)

export interface FolderLock extends AsyncDisposable {
  /** Aborts with a `lock-lost` error when the lock was removed or replaced. */
  readonly lost: AbortSignal;
}

interface Holder extends ProcessMark {
  /** A process of another pid namespace is not visible here: its lock is valid as long as it is renewed. */
  readonly pidNamespace: string;
  readonly nonce: string;
}

interface Entry {
  readonly number: number;
  /** Undefined if the lock is free. */
  readonly text: string | undefined;
}

const free = "free";
const renewMs = 1000;
/** The longest that a holder of another pid namespace may leave its lock without renewal. */
const silentMs = 60_000;

const fileOf = (folder: string, number: number): string => join(folder, `holder-${number}`);

/**
 * Takes an exclusive lock on a folder, across processes. A holder that has ended loses it at once; a living holder never
 * does, even if it is stopped for long. Throws `lab-busy` if the lock is still held after `waitMs`.
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

/** The process that holds a folder's lock; undefined if it is free or the folder cannot be read. */
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
  // Older links have no meaning. If there is a higher number, another process was faster.
  for (const old of won ? numbers.filter((n) => n < number) : [number])
    await rm(fileOf(folder, old), { force: true });
  return won;
}

/** Renews the lock and checks that it still exists, until it is released. */
function hold(folder: string, number: number, text: string, what: string): FolderLock {
  const lost = new AbortController();
  const file = fileOf(folder, number);
  const look = async (): Promise<void> => {
    const latest = await latestOf(folder);
    if (latest?.number !== number || latest.text !== text) {
      clearInterval(timer);
      lost.abort(
        new MeshproofError("lock-lost", `the lock on ${what} was lost: ${file} was removed or replaced`, {
          remedy: "make sure that no other command uses it, and run this command again",
        }),
      );
      return;
    }
    const now = new Date();
    await lutimes(file, now, now);
  };
  // A folder that is temporarily unreadable does not mean that the lock is lost.
  const timer = setInterval(() => void look().catch(() => {}), renewMs);
  timer.unref();
  return {
    lost: lost.signal,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      const latest = await latestOf(folder).catch(() => undefined);
      // The lock of another holder stays.
      if (latest?.number !== number || latest.text !== text) return;
      // The highest number must not decrease: the next number marks the lock as free.
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
      // Not a symbolic link: the lock is held by an unknown holder.
      if (code === "EINVAL") return { number, text: "" };
      // Removed after the listing, so there is a higher number.
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
        remedy: "wait until that command ends, or end it",
      });
}

const pidNamespace = (): Promise<string> => readlink("/proc/self/ns/pid").catch(() => "");
