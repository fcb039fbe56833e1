import { mkdir } from "node:fs/promises";
import lockfile from "proper-lockfile";
import { MeshproofError } from "#harness/lib/errors.ts";

/**
 * Takes an exclusive lock on a folder, across processes. A holder that was killed loses it after `staleMs`.
 * With `waitMs` 0 a held lock is an error at once.
 */
export async function lockFolder(
  folder: string,
  options: { readonly what: string; readonly waitMs: number },
): Promise<AsyncDisposable> {
  await mkdir(folder, { recursive: true });
  const retries = Math.ceil(options.waitMs / 1000);
  let release: () => Promise<void>;
  try {
    release = await lockfile.lock(folder, {
      stale: 15_000,
      update: 5_000,
      // A holder that was stopped so long that its lock went stale has lost it: what it does next may clash.
      onCompromised: (error) => process.emitWarning(`the lock on ${options.what} was lost: ${error.message}`),
      retries: { retries, minTimeout: 1000, maxTimeout: 1000, factor: 1 },
    });
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ELOCKED") throw error;
    throw new MeshproofError("lab-busy", `${options.what} is in use by another process`, {
      cause: error,
      cure: "wait for the other command to end; a killed command's lock frees itself after 15 s",
    });
  }
  return {
    async [Symbol.asyncDispose]() {
      await release().catch(() => {});
    },
  };
}
