import { command } from "./command.ts";
import { repoRoot } from "./paths.ts";

/** The commit of this checkout, with `-dirty` if a tracked file was changed; nothing without git. */
export async function commitOfCheckout(): Promise<{ readonly commit?: string }> {
  const argv = ["-C", repoRoot(), "describe", "--always", "--dirty", "--abbrev=12", "--exclude", "*"];
  const result = await command("git", argv, { tolerate: true }).catch(() => undefined);
  return result?.exitCode === 0 ? { commit: result.stdout.trim() } : {};
}
