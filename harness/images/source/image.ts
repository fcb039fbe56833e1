import { chmod, copyFile, cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { command, output } from "#harness/platform/command.ts";
import { type ImageConfig, imageLabel, importImage } from "#harness/platform/docker.ts";
import { cacheDir } from "#harness/platform/paths.ts";

/** A file, folder, link or text of an image. */
export type ImageEntry =
  | { readonly from: string; readonly to: string; readonly mode?: number }
  | { readonly link: string; readonly to: string }
  | { readonly text: string; readonly to: string; readonly mode?: number }
  | { readonly folder: true; readonly to: string; readonly mode: number };

export interface ImageRecipe {
  readonly reference: string;
  /** Identifies the content: an image with the same reference and another key is rebuilt. */
  readonly key: string;
  /** A root tar to start from; none for an image of static programs. */
  readonly rootTar?: string;
  readonly entries: readonly ImageEntry[];
  readonly config: ImageConfig;
}

/** On every image that is built here: the key of its content. */
export const imageKeyLabel = "io.meshproof.key";

/** Builds the image as one layer and imports it, unless the daemon has it already. */
export async function buildImage(recipe: ImageRecipe, signal: AbortSignal): Promise<void> {
  if ((await imageLabel(recipe.reference, imageKeyLabel)) === recipe.key) return;
  const staging = await makeStaging();
  try {
    const tree = join(staging, "tree");
    await mkdir(tree, { mode: 0o755 });
    for (const entry of recipe.entries) await place(entry, tree);
    const tar = join(staging, "image.tar");
    const owner = ["--owner=0", "--group=0", "--numeric-owner"];
    if (recipe.rootTar === undefined) {
      await command("tar", ["-cf", tar, ...owner, "-C", tree, "."], { signal });
    } else {
      await copyFile(recipe.rootTar, tar);
      // Only the added files: a folder entry would reset the mode of the folder in the root.
      const placed = [...new Set(recipe.entries.map((e) => `.${e.to}`))];
      await dropFrom(tar, placed, signal);
      await command("tar", ["-rf", tar, ...owner, "-C", tree, ...placed], { signal });
    }
    await importImage(
      tar,
      recipe.reference,
      { ...recipe.config, labels: { [imageKeyLabel]: recipe.key } },
      signal,
    );
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Removes paths that will be added again from a tar: Docker rejects an archive with duplicate names. */
async function dropFrom(tar: string, paths: readonly string[], signal: AbortSignal): Promise<void> {
  const bare = (name: string): string => name.replace(/^\.?\//, "").replace(/\/$/, "");
  const expected = paths.map(bare);
  const members = (await output("tar", ["-tf", tar], { signal })).split("\n");
  const twice = members.filter(
    (m) => m !== "" && expected.some((w) => bare(m) === w || bare(m).startsWith(`${w}/`)),
  );
  if (twice.length > 0) await command("tar", ["--delete", "-f", tar, ...twice], { signal });
}

export async function makeStaging(): Promise<string> {
  const parent = join(cacheDir(), "staging");
  await mkdir(parent, { recursive: true });
  return mkdtemp(join(parent, "image-"));
}

async function place(entry: ImageEntry, tree: string): Promise<void> {
  const target = join(tree, entry.to);
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  if ("link" in entry) await symlink(entry.link, target);
  else if ("folder" in entry) {
    await mkdir(target, { recursive: true });
    await chmod(target, entry.mode);
  } else if ("text" in entry) {
    await writeFile(target, entry.text);
    await chmod(target, entry.mode ?? 0o644);
  } else {
    await cp(entry.from, target, { recursive: true, dereference: true });
    if (entry.mode !== undefined) await chmod(target, entry.mode);
  }
}
