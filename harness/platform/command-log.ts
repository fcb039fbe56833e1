import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { cacheDir, contentKey, writeAtomic } from "./paths.ts";

/** Older logs are removed when there are more than this. */
const mostLogs = 50;

/** The folder with the complete output of failed programs. */
export const commandLogDir = (): string => join(cacheDir(), "logs");

/** Writes the complete output of a failed program to a file and returns its path; undefined if it cannot be written. */
export async function keepOutput(tool: string, output: string): Promise<string | undefined> {
  const dir = commandLogDir();
  const path = join(dir, `${tool}-${contentKey(output)}.log`);
  try {
    await mkdir(dir, { recursive: true });
    await writeAtomic(path, output, 0o600);
    await removeOldest(dir);
    return path;
  } catch {
    // A full disk may be the cause of the failure.
    return undefined;
  }
}

async function removeOldest(dir: string): Promise<void> {
  const names = (await readdir(dir)).filter((n) => n.endsWith(".log"));
  if (names.length <= mostLogs) return;
  const files = await Promise.all(
    names.map(async (name) => ({ name, ms: (await stat(join(dir, name))).mtimeMs })),
  );
  const old = files.toSorted((a, b) => b.ms - a.ms).slice(mostLogs);
  await Promise.all(old.map(({ name }) => rm(join(dir, name), { force: true })));
}
