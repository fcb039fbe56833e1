import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MeshproofError } from "#harness/lib/errors.ts";
import { downloadModule, editMod, type GoMod, type GoReplace, modOf } from "#harness/platform/go.ts";
import type { GoComponent } from "./components.ts";
import { describeSubstitution, type Substitution, substitutionsFor } from "./substitutions.ts";

export interface RequirementOptions {
  /** A folder for modules of our own; it must outlive the build. */
  readonly staging: string;
  readonly signal: AbortSignal;
  /** For tests. */
  readonly table?: readonly Substitution[];
  readonly isServed?: (module: string, version: string) => Promise<true | MeshproofError>;
}

const tableFile = "harness/images/source/substitutions.ts";

/**
 * Makes the copy of a component's go.mod one that can be built here. Local `replace` lines point at folders that a module
 * zip lacks: Kubernetes's staging modules become their published versions, others are dropped. A refused module becomes
 * what the table of substitutions says; the result has a sentence for each.
 *
 * Throws `artifact-unavailable` for a refused module that the table does not have, and `build-failed` for an entry that
 * go.mod does not need.
 */
export async function settleRequirements(
  component: GoComponent,
  modFile: string,
  options: RequirementOptions,
): Promise<string[]> {
  const entries = substitutionsFor(component.name, component.version, options.table);
  const served = options.isServed ?? servedBy(component, options.signal);
  const mod = await modOf(modFile);
  const flags: string[] = [];
  const used: Substitution[] = [];
  for (const replace of mod.replaces) {
    if (replace.newPath.startsWith(".")) flags.push(localReplace(replace, component.version));
    else if (replace.newVersion !== "") {
      const answer = await served(replace.newPath, replace.newVersion);
      if (answer === true) continue;
      const entry = entries.find(
        (e) => e.instead.kind === "without-fork" && e.refused.module === replace.newPath,
      );
      if (entry === undefined) throw answer;
      flags.push(`-dropreplace=${replace.old}`);
      used.push(entry);
    }
  }
  for (const entry of entries) {
    requireUse(entry, mod, component);
    const { module, version } = entry.refused;
    if (entry.instead.kind === "without-fork" || version === undefined) continue;
    if ((await served(module, version)) === true) continue;
    flags.push(`-replace=${module}=${await target(entry, options.staging)}`);
    used.push(entry);
  }
  await editMod(modFile, flags);
  return used.map(describeSubstitution);
}

const localReplace = ({ old, newPath }: GoReplace, version: string): string =>
  newPath.startsWith("./staging/")
    ? `-replace=${old}=${old}@${version.replace(/^v1\./, "v0.")}`
    : `-dropreplace=${old}`;

/** Whether a module is served; the error that names it otherwise. */
function servedBy(component: GoComponent, signal: AbortSignal) {
  return async (module: string, version: string): Promise<true | MeshproofError> => {
    try {
      await downloadModule(module, version, signal, `component ${component.name} ${component.version}`);
      return true;
    } catch (error) {
      if (signal.aborted || !(error instanceof MeshproofError) || error.code !== "artifact-unavailable")
        throw error;
      return error;
    }
  };
}

/** An entry that go.mod does not need is a mistake in the table, or left from another version. */
function requireUse({ refused, instead }: Substitution, mod: GoMod, component: GoComponent): void {
  const needed =
    instead.kind === "without-fork"
      ? mod.replaces.some((r) => r.newPath === refused.module)
      : mod.requires.some((r) => r.path === refused.module && r.version === refused.version);
  if (needed) return;
  const found = mod.requires.find((r) => r.path === refused.module)?.version ?? "nothing of it";
  throw new MeshproofError(
    "build-failed",
    `the substitution of ${[refused.module, refused.version].filter(Boolean).join("@")} does not fit ${component.name} ${component.version}: its go.mod needs ${found}`,
    { remedy: `correct the entry, or its range of versions, in ${tableFile}` },
  );
}

/** The right side of a `replace`. */
async function target({ refused, instead }: Substitution, staging: string): Promise<string> {
  if (instead.kind === "version") return `${refused.module}@${instead.version}`;
  const dir = join(staging, "modules", ...refused.module.split("/"));
  await mkdir(dir, { recursive: true });
  if (instead.kind === "own-module")
    for (const [name, text] of Object.entries(instead.files)) await writeFile(join(dir, name), text);
  return dir;
}
