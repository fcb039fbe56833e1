import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { repoRoot } from "#harness/platform/paths.ts";

/** Runs the command line as a process isolated from this machine: no programs, and separate folders. For tests. */
export function runCli(args: readonly string[], nodeOptions: readonly string[] = []) {
  const dir = tempFolder("cli");
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...nodeOptions, join(repoRoot(), "scripts/meshproof.ts"), ...args],
    {
      cwd: dir,
      encoding: "utf8",
      env: {
        PATH: join(dir, "bin"),
        HOME: dir,
        XDG_STATE_HOME: join(dir, "state"),
        XDG_CACHE_HOME: join(dir, "cache"),
        MESHPROOF_REPORTS: join(dir, "reports"),
      },
    },
  );
  return { code: status, stdout, stderr, dir };
}
