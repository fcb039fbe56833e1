import type { Dirent } from "node:fs";
import { lstat, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { DockerImage } from "#harness/platform/docker-images.ts";
import { lockFolder } from "#harness/platform/lock.ts";
import { groupOf, isPinnedEntry, isPinnedImage, type PinnedVersions } from "./pinned.ts";
import { imageKeyLabel } from "./source/image.ts";

/** Something that takes space: a folder of the cache, or an image of Meshproof's in Docker. */
export interface Cached {
  readonly where: "cache" | "docker";
  readonly name: string;
  readonly bytes: number;
  /** The pins name it. */
  readonly pinned: boolean;
  /** Labs, containers or recent commands that use it. */
  readonly usedBy: readonly string[];
}

/** What a lab needs to go on: files below the cache, and images. */
export interface LabUse {
  readonly lab: string;
  readonly paths: readonly string[];
  readonly images: readonly string[];
}

export interface Uses {
  readonly labs: readonly LabUse[];
  /** By image id: the containers made from it. */
  readonly containers: readonly { readonly container: string; readonly image: string }[];
  /**
   * Labs of other owners, whose states cannot be read: their tools and charts may be in this cache, and their commands
   * start containers of a prober image that no container uses meanwhile.
   */
  readonly foreign: readonly string[];
  readonly nowMs: number;
}

interface Rules {
  readonly pinned: PinnedVersions;
  /** The Debian roots that this version of Meshproof builds. */
  readonly roots: readonly string[];
}

const kinds = ["go", "debian", "chart", "archive"] as const;
/** Longer than any build: what was made or asked for since then may be in use by a command that is still building. */
const recentMs = 2 * 3_600_000;
const recently = "a command of the last two hours";

export const isRemovable = (c: Cached): boolean => !c.pinned && c.usedBy.length === 0;

/** Folders of the cache, the largest first. */
export async function listEntries(root: string, uses: Uses, { pinned, roots }: Rules): Promise<Cached[]> {
  const found: (Cached & { readonly usedMs: number })[] = [];
  for (const kind of kinds)
    for (const entry of await foldersOf(join(root, kind))) {
      const path = join(root, kind, entry);
      const usedMs = (await stat(path).catch(() => undefined))?.mtimeMs;
      if (usedMs === undefined) continue;
      found.push({
        where: "cache",
        name: `${kind}/${entry}`,
        bytes: await bytesOf(path),
        pinned: isPinnedEntry(kind, entry, pinned, roots),
        usedBy: [
          ...uses.labs
            .filter((l) => l.paths.some((p) => p.startsWith(`${path}/`)))
            .map((l) => `lab ${l.lab}`),
          ...(/^(go\/(kind|helm|cilium-cli)-|chart\/|archive\/)/.test(`${kind}/${entry}`)
            ? uses.foreign
            : []),
          ...(uses.nowMs - usedMs < recentMs ? [recently] : []),
        ],
        usedMs,
      });
    }
  return newestOfGroups(found);
}

/** Meshproof's images: those that it names, and those that it built under another project's name. */
export function judgeImages(
  images: readonly DockerImage[],
  uses: Uses,
  { pinned, usedAt }: { readonly pinned: PinnedVersions; readonly usedAt: (reference: string) => number },
): Cached[] {
  const own = images.flatMap((image) =>
    image.references.filter((r) => isOwn(r, image)).map((reference) => ({ reference, image })),
  );
  return newestOfGroups(
    own.map(({ reference, image }) => {
      const usedMs = Math.max(image.createdAtMs, usedAt(reference));
      return {
        where: "docker" as const,
        name: reference,
        bytes: image.bytes,
        pinned: isPinnedImage(reference, pinned),
        usedBy: [
          ...uses.labs.filter((l) => l.images.includes(reference)).map((l) => `lab ${l.lab}`),
          ...(reference.startsWith("meshproof.local/prober:") ? uses.foreign : []),
          ...uses.containers.filter((c) => c.image === image.id).map((c) => `container ${c.container}`),
          ...(uses.nowMs - usedMs < recentMs ? [recently] : []),
        ],
        usedMs,
      };
    }),
  );
}

const isOwn = (reference: string, image: DockerImage): boolean =>
  /^meshproof(\.local)?\//.test(reference) || image.labels[imageKeyLabel] !== undefined;

/** The key of a Debian root is known without its content. */
const isExact = (name: string): boolean => name.startsWith("debian/");

/** Of entries that differ only in their content key, the pins need the one that was used last. */
function newestOfGroups(found: readonly (Cached & { readonly usedMs: number })[]): Cached[] {
  const newest = new Map<string, number>();
  for (const { name, usedMs } of found)
    newest.set(groupOf(name), Math.max(usedMs, newest.get(groupOf(name)) ?? 0));
  return found
    .map(({ usedMs, ...c }) => ({
      ...c,
      pinned: c.pinned && (isExact(c.name) || newest.get(groupOf(c.name)) === usedMs),
    }))
    .sort((a, b) => b.bytes - a.bytes);
}

/** Removes a folder of the cache under its lock; false where another process holds it, or has used it since `listedMs`. */
export async function removeEntry(root: string, name: string, listedMs: number): Promise<boolean> {
  const path = join(root, name);
  try {
    await using lock = await lockFolder(join(root, "locks", name.replace("/", "-")), {
      what: `the cache entry ${name}`,
      waitMs: 0,
    });
    if (lock.lost.aborted || !(await isUntouched(path, listedMs))) return false;
    const gone = join(root, "staging", `${name.replace("/", "-")}.removed`);
    await rm(gone, { recursive: true, force: true });
    await mkdir(join(root, "staging"), { recursive: true });
    // Renamed first: a killed prune must not leave half an entry under its name.
    await rename(path, gone);
    // A command that got it just before has marked it.
    const isFree = await isUntouched(gone, listedMs);
    if (isFree) await rm(gone, { recursive: true, force: true });
    else await rename(gone, path);
    return isFree;
  } catch (error) {
    if (error instanceof MeshproofError && error.code === "lab-busy") return false;
    throw error;
  }
}

async function isUntouched(path: string, sinceMs: number): Promise<boolean> {
  const usedMs = (await stat(path).catch(() => undefined))?.mtimeMs;
  return usedMs !== undefined && usedMs <= sinceMs;
}

async function foldersOf(dir: string): Promise<string[]> {
  const all: Dirent[] = await readdir(dir, { withFileTypes: true }).catch(() => []);
  return all.filter((e) => e.isDirectory()).map((e) => e.name);
}

/** Allocated bytes; what another process removes meanwhile counts as nothing. */
export async function bytesOf(path: string): Promise<number> {
  const info = await lstat(path).catch(() => undefined);
  if (info === undefined) return 0;
  const own = info.blocks * 512;
  if (!info.isDirectory()) return own;
  let sum = own;
  for (const name of await readdir(path).catch(() => [])) sum += await bytesOf(join(path, name));
  return sum;
}
