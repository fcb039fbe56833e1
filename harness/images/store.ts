import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseRecord } from "#harness/lib/records.ts";
import { buildTimingsFormat } from "#harness/model/image-store.ts";
import { lockFolder } from "#harness/platform/lock.ts";
import { cacheDir, contentKey, writeAtomic } from "#harness/platform/paths.ts";

/**
 * A cache of folders, each named by version and content key. A folder is made under a staging name and renamed when
 * it is complete: a killed writer leaves no folder under a final name, and a lock serialises writers.
 */
export class Store {
  readonly root: string;

  constructor(root: string = cacheDir()) {
    this.root = root;
  }

  /** The entry's folder, made by `make(staging)` if it is missing. `name` holds version and key. */
  async entry(kind: string, name: string, make: (staging: string) => Promise<void>): Promise<string> {
    const final = join(this.root, kind, name);
    if (await isUsable(final)) return final;
    await using lock = await lockFolder(join(this.root, "locks", `${kind}-${name}`), {
      what: `the cache entry ${kind}/${name}`,
      waitMs: 45 * 60_000,
    });
    if (await isUsable(final)) return final;
    const staging = join(this.root, "staging", `${kind}-${name}`);
    // The lock excludes other writers, so a killed writer left what is here.
    await rm(staging, { recursive: true, force: true });
    await mkdir(staging, { recursive: true });
    await Promise.race([make(staging), rejectsOnce(lock.lost)]);
    await mkdir(join(this.root, kind), { recursive: true });
    await rename(staging, final);
    return final;
  }

  /** Names of the finished entries of a kind. */
  async names(kind: string): Promise<string[]> {
    return readdir(join(this.root, kind)).catch(() => []);
  }

  /** Marks images as used now: `images prune` leaves what a running command may have got. */
  async markImages(references: readonly string[]): Promise<void> {
    await mkdir(this.#imageMarks, { recursive: true });
    for (const reference of references) await writeFile(join(this.#imageMarks, contentKey(reference)), "");
  }

  /** When each image was last marked, by `contentKey` of its reference. */
  async imageMarks(): Promise<ReadonlyMap<string, number>> {
    const names = await readdir(this.#imageMarks).catch(() => []);
    const found = new Map<string, number>();
    for (const name of names) {
      const info = await stat(join(this.#imageMarks, name)).catch(() => undefined);
      if (info !== undefined) found.set(name, info.mtimeMs);
    }
    return found;
  }

  get #imageMarks(): string {
    return join(this.root, "used-images");
  }

  /** The duration of a part's last build, for estimates. */
  async expectedMs(part: string): Promise<number | undefined> {
    return (await this.#timings())[part];
  }

  async recordMs(part: string, ms: number): Promise<void> {
    const all = { ...(await this.#timings()), [part]: Math.round(ms) };
    await writeAtomic(join(this.root, "timings.json"), `${JSON.stringify(all, null, 2)}\n`);
  }

  /** An unreadable file counts as an empty one. */
  async #timings(): Promise<Readonly<Record<string, number>>> {
    try {
      const file = join(this.root, "timings.json");
      const text = await readFile(file, "utf8");
      return parseRecord(text, buildTimingsFormat, { what: file, remedy: "remove it" });
    } catch {
      return {};
    }
  }
}

/** Without the lock another writer may use the same staging folder, so its content cannot be trusted. */
async function rejectsOnce(lost: AbortSignal): Promise<never> {
  if (!lost.aborted) await new Promise((resolve) => lost.addEventListener("abort", resolve, { once: true }));
  throw lost.reason;
}

/** Marks it as used now: `images prune` leaves what a running command may have got. */
async function isUsable(path: string): Promise<boolean> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
  const now = new Date();
  if (isFolder) await utimes(path, now, now).catch(() => {});
  // It may have been pruned between the two.
  return isFolder && (await stat(path).catch(() => undefined)) !== undefined;
}
