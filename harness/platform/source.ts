import { glob, readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import type { SourceTree } from "#harness/model/measurement.ts";
import { command } from "./command.ts";
import { contentKey, repoRoot } from "./paths.ts";

/** Folders whose sources can affect a measurement. */
const measuring = [
  ...["probe", "measure", "judge", "faults", "cluster", "cilium", "workloads"].map((m) => `harness/${m}`),
  "suites",
] as const;

/** What a measurement is made with; not reports, which grow while a campaign runs. */
export const built = ["harness", "suites", "kind-configs", "package.json", "package-lock.json"] as const;

export interface Source {
  readonly hash: string;
  readonly tree: SourceTree;
}

/**
 * The sources of a checkout that can affect a measurement, as they are in its working tree, without tests; `more` are
 * folders that affect what is made of the measurements.
 */
export async function sourceOf(root = repoRoot(), more: readonly string[] = []): Promise<Source> {
  return { hash: await hashOfSources(root, [...measuring, ...more]), tree: await treeOf(root) };
}

async function hashOfSources(root: string, folders: readonly string[]): Promise<string> {
  const files: string[] = [];
  for await (const file of glob(
    folders.map((folder) => `${folder}/**/*.ts`),
    { cwd: root },
  ))
    if (!file.endsWith(".test.ts")) files.push(file);
  files.sort();
  const contents = await Promise.all(files.map((file) => readFile(join(root, file))));
  return contentKey(...files.flatMap((file, i) => [file, contents[i] ?? ""]));
}

/** A copy without git, or inside the checkout of another project, says nothing about its changes. */
async function treeOf(root: string): Promise<SourceTree> {
  const git = async (...argv: string[]): Promise<string | undefined> => {
    const result = await command("git", ["-C", root, ...argv], { tolerate: true }).catch(() => undefined);
    return result?.exitCode === 0 ? result.stdout.trim() : undefined;
  };
  const top = await git("rev-parse", "--show-toplevel");
  if (top === undefined || top !== (await realpath(root))) return "no git";
  const changes = await git("status", "--porcelain", "--untracked-files=normal", "--", ...built);
  if (changes === undefined) return "no git";
  return changes === "" ? "clean" : "changed";
}
