import { existsSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pause } from "#harness/lib/eventually.ts";
import { writeAtomic } from "#harness/platform/paths.ts";

/** In a run's folder. While it exists, a failed suite waits; it contains the suite's namespace. */
export const pauseFileOf = (runDir: string): string => join(runDir, "paused");

const lookMs = 500;
const ever = AbortSignal.any([]);

/** Called by the suite before its teardown: returns once the command has removed the file. */
export async function waitWhilePaused(runDir: string, namespace: string): Promise<void> {
  const file = pauseFileOf(runDir);
  const command = process.ppid;
  await mkdir(dirname(file), { recursive: true });
  await writeAtomic(file, namespace);
  // A killed command never removes the file.
  while (existsSync(file) && process.ppid === command) await pause(lookMs, ever);
}

/**
 * Called by the command that runs the suites: whenever one waits, calls `onPause` with its namespace. The suite
 * continues when that returns or the signal aborts.
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
