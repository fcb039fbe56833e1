import { command } from "./command.ts";
import { repoRoot } from "./paths.ts";

/** What a run is made with; reports grow while a campaign runs. */
const sources = ["harness", "suites", "kind-configs", "package.json", "package-lock.json"] as const;

/** The last commit that changed the sources: later ones, for example of a grown series, may stay in one clone. */
export async function commitOfSources(): Promise<string | undefined> {
  const argv = ["-C", repoRoot(), "log", "-1", "--abbrev=12", "--format=%h", "--", ...sources];
  const result = await command("git", argv, { tolerate: true }).catch(() => undefined);
  return result?.exitCode === 0 && result.stdout.trim() !== "" ? result.stdout.trim() : undefined;
}

/** The commit of this checkout, with `-dirty` if a tracked file was changed; nothing without git. */
export async function commitOfCheckout(): Promise<{ readonly commit?: string }> {
  const argv = ["-C", repoRoot(), "describe", "--always", "--dirty", "--abbrev=12", "--exclude", "*"];
  const result = await command("git", argv, { tolerate: true }).catch(() => undefined);
  return result?.exitCode === 0 ? { commit: result.stdout.trim() } : {};
}
