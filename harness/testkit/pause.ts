import { existsSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pause } from "#harness/lib/eventually.ts";
import { writeAtomic } from "#harness/platform/paths.ts";

/** While it is there, a suite that failed waits; it holds the suite's namespace. Of a run's folder. */
export const pauseFileOf = (runDir: string): string => join(runDir, "paused");

const lookMs = 500;
const ever = AbortSignal.any([]);

/** Called by the suite, before anything of it is taken away: returns once somebody else has removed the file. */
export async function waitWhilePaused(runDir: string, namespace: string): Promise<void> {
  const file = pauseFileOf(runDir);
  const command = process.ppid;
  await mkdir(dirname(file), { recursive: true });
  await writeAtomic(file, namespace);
  // A command that was killed removes nothing.
  while (existsSync(file) && process.ppid === command) await pause(lookMs, ever);
}

/**
 * Called by the command beside the suites: each time one waits, `onPause` is given its namespace, and the suite goes on when
 * that returns, or when the signal ends it all.
 */
export async function watchPauses(
  runDir: string,
  onPause: (namespace: string) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const file = pauseFileOf(runDir);
  try {
    for (;;) {
      await pause(lookMs, signal);
      if (!existsSync(file)) continue;
      await onPause(await readFile(file, "utf8"));
      await rm(file, { force: true });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await rm(file, { force: true });
  }
}
