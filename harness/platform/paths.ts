import { createHash } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

function xdg(variable: string, fallback: string): string {
  const value = process.env[variable];
  return value?.startsWith("/") ? value : join(homedir(), fallback);
}

/** Built artifacts, keyed by content and version; safe to delete. */
export const cacheDir = (): string => join(xdg("XDG_CACHE_HOME", ".cache"), "meshproof");
/** Labs: kubeconfigs, keys, locks and journals. */
export const stateDir = (): string => join(xdg("XDG_STATE_HOME", ".local/state"), "meshproof");
export const repoRoot = (): string => dirname(dirname(import.meta.dirname));

/** Writes to a temporary file and renames it, so that a killed writer never leaves a partial file under the final name. */
export async function writeAtomic(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const staging = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}.part`;
  const file = await open(staging, "w", mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await rename(staging, path);
  } catch (error) {
    await rm(staging, { force: true });
    throw error;
  }
}

/** A short content key: the first 16 hex digits of the SHA-256 of the parts. */
export function contentKey(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(String(part.length)).update(":").update(part);
  return hash.digest("hex").slice(0, 16);
}
