// Vitest's global set-up of the harness's own tests: temporary files go to a folder of this run, and what is left there fails it.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export default function setUp(): () => void {
  const before = process.env.TMPDIR;
  const folder = mkdtempSync(join(tmpdir(), "meshproof-unit-"));
  process.env.TMPDIR = folder;
  return () => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    const left = readdirSync(folder).filter((name) => name.startsWith("meshproof-"));
    rmSync(folder, { recursive: true, force: true });
    if (left.length > 0)
      throw new Error(
        `tests left ${left.sort().join(", ")} in the temporary folder: make it by tempFolder (harness/platform/temp-folder.ts)`,
      );
  };
}
