import { command } from "./command.ts";
import { repoRoot } from "./paths.ts";
import { built } from "./source.ts";

/** The last commit that changed the sources: later ones, for example of a grown series, may stay in one clone. */
export async function commitOfSources(): Promise<string | undefined> {
  const argv = ["-C", repoRoot(), "log", "-1", "--abbrev=12", "--format=%h", "--", ...built];
  const result = await command("git", argv, { tolerate: true }).catch(() => undefined);
  return result?.exitCode === 0 && result.stdout.trim() !== "" ? result.stdout.trim() : undefined;
}

/** The commit of this checkout, with `-dirty` if a tracked file was changed; nothing without git. */
export async function commitOfCheckout(): Promise<{ readonly commit?: string }> {
  const argv = ["-C", repoRoot(), "describe", "--always", "--dirty", "--abbrev=12", "--exclude", "*"];
  const result = await command("git", argv, { tolerate: true }).catch(() => undefined);
  return result?.exitCode === 0 ? { commit: result.stdout.trim() } : {};
}
