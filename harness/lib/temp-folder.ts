import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

const made: string[] = [];

/** For tests: a folder of the system's temporary ones, named after what it is for, that goes after the file's last test. */
export function tempFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `meshproof-${name}-`));
  made.push(folder);
  return folder;
}

// Of the test file that imports this, for each has modules of its own. The first to be registered, it runs last.
afterAll(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});
