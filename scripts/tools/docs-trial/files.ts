import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { TitledBlock } from "./blocks.ts";

/**
 * Writes the blocks under `root`; disposing removes only the written files and folders that become empty. Throws
 * `usage`, before anything is written, if a file already exists or is outside `suites/`.
 */
export function copyIn(root: string, blocks: readonly TitledBlock[]): Disposable {
  for (const { path } of blocks) {
    if (!relative(join(root, "suites"), join(root, path)).match(/^\w[\w-]*\/[\w.-]+$/))
      throw new MeshproofError("usage", `${path} is not a file of a suite's folder`, {
        remedy: "title the block suites/NAME/FILE",
      });
    if (existsSync(join(root, path)))
      throw new MeshproofError("usage", `${path} already exists`, {
        remedy: "remove it if it is left from a killed trial; otherwise rename the example",
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
