import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { TitledBlock } from "./blocks.ts";

/**
 * Writes the blocks under `root`; disposing removes what was written and folders that this leaves empty, and nothing
 * else. Throws `usage`, before anything is written, if a file is there already or lies outside `suites/`.
 */
export function copyIn(root: string, blocks: readonly TitledBlock[]): Disposable {
  for (const { path } of blocks) {
    if (!relative(join(root, "suites"), join(root, path)).match(/^\w[\w-]*\/[\w.-]+$/))
      throw new MeshproofError("usage", `${path} is not a file of a suite's folder`, {
        remedy: "title the block suites/NAME/FILE",
      });
    if (existsSync(join(root, path)))
      throw new MeshproofError("usage", `${path} exists already`, {
        remedy: "remove it if an earlier trial was killed and left it; otherwise rename the example",
      });
  }
  const written: string[] = [];
  const remove = (): void => {
    for (const file of written.splice(0)) {
      rmSync(file, { force: true });
      const folder = dirname(file);
      if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
    }
  };
  try {
    for (const { path, text } of blocks) {
      const file = join(root, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text, { flag: "wx" });
      written.push(file);
    }
  } catch (error) {
    remove();
    throw error;
  }
  return { [Symbol.dispose]: remove };
}
