import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MeshproofError } from "#harness/lib/errors.ts";
import { downloadModule, editMod, type GoMod, type GoReplace, modOf } from "#harness/platform/go.ts";
import type { GoComponent } from "./components.ts";
import { describeSubstitution, type Substitution, substitutions, substitutionsFor } from "./substitutions.ts";

type Component = Pick<GoComponent, "name" | "version" | "generated">;

interface Resolution {
  /** Arguments of `go mod edit`. */
  readonly flags: readonly string[];
  readonly used: readonly Substitution[];
}

interface ResolveOptions {
  /** True, or the error that names the module. */
  readonly served: (module: string, version: string) => Promise<true | MeshproofError>;
  /** Where modules of our own are written. */
  readonly modulesDir: string;
  readonly table?: readonly Substitution[];
}

const tableFile = "harness/images/source/substitutions.ts";

/**
 * Makes the copy of a component's go.mod one that can be built here; the result has a sentence for each substitution.
 * `staging` must outlive the build. Errors: see `resolveRequirements`.
 */
export async function settleRequirements(
  component: Component,
  modFile: string,
  { staging, signal }: { readonly staging: string; readonly signal: AbortSignal },
): Promise<string[]> {
  const modulesDir = join(staging, "modules");
  const { flags, used } = await resolveRequirements(component, await modOf(modFile), {
    served: servedBy(component, signal),
    modulesDir,
  });
  for (const { refused, instead } of used) {
    if (instead.kind !== "own-module") continue;
    const dir = join(modulesDir, refused.module);
    await writeModule(dir, instead.files);
    if (instead.generated !== undefined) await generate(component, dir);
  }
  await editMod(modFile, flags);
  return used.map(describeSubstitution);
}

/**
 * Local `replace` lines point at folders that a module zip lacks: Kubernetes's staging modules become their published
 * versions, others are dropped. A refused module becomes what the table of substitutions says.
 *
 * Throws `artifact-unavailable` for a refused module that the table does not have, and `build-failed` for an entry that
 * go.mod does not need.
 */
export async function resolveRequirements(
  component: Component,
  mod: GoMod,
  { served, modulesDir, table = substitutions }: ResolveOptions,
): Promise<Resolution> {
  const entries = substitutionsFor(component.name, component.version, table);
  for (const entry of entries) requireUse(entry, mod, component);
  const flags: string[] = [];
  const used: Substitution[] = [];
  for (const replace of mod.replaces) {
    if (replace.newPath.startsWith(".")) flags.push(localReplace(replace, component.version));
    if (replace.newPath.startsWith(".") || replace.newVersion === "") continue;
    const answer = await served(replace.newPath, replace.newVersion);
    if (answer === true) continue;
    const entry = entries.find(
      (e) => e.instead.kind === "without-fork" && e.refused.module === replace.newPath,
    );
    if (entry === undefined) throw answer;
    flags.push(`-dropreplace=${replace.old}`);
    used.push(entry);
  }
  for (const entry of entries) {
    const { refused, instead } = entry;
    if (instead.kind === "without-fork" || (await served(refused.module, refused.version)) === true) continue;
    const target =
      instead.kind === "version" ? `${refused.module}@${instead.version}` : join(modulesDir, refused.module);
    flags.push(`-replace=${refused.module}=${target}`);
    used.push(entry);
  }
  return { flags, used };
}

const isStaging = ({ newPath }: GoReplace): boolean => newPath.startsWith("./staging/");
const stagingVersion = (version: string): string => version.replace(/^v1\./, "v0.");

const localReplace = (replace: GoReplace, version: string): string =>
  isStaging(replace)
    ? `-replace=${replace.old}=${replace.old}@${stagingVersion(version)}`
    : `-dropreplace=${replace.old}`;

function servedBy({ name, version: own }: Component, signal: AbortSignal): ResolveOptions["served"] {
  return async (module, version) => {
    try {
      await downloadModule(module, version, signal, `component ${name} ${own}`);
      return true;
    } catch (error) {
      if (signal.aborted || !(error instanceof MeshproofError) || error.code !== "artifact-unavailable")
        throw error;
      return error;
    }
  };
}

/** An entry that go.mod does not need is a mistake in the table, or was left from another version. */
function requireUse({ refused, instead }: Substitution, mod: GoMod, component: Component): void {
  const staged = mod.replaces.some((r) => r.old === refused.module && isStaging(r));
  const version = staged
    ? stagingVersion(component.version)
    : mod.requires.find((r) => r.path === refused.module)?.version;
  const needed =
    instead.kind === "without-fork"
      ? mod.replaces.some((r) => r.newPath === refused.module)
      : version === refused.version;
  if (needed) return;
  throw new MeshproofError(
    "build-failed",
    `the substitution of ${refused.module}${instead.kind === "without-fork" ? "" : `@${refused.version}`} does not fit ${component.name} ${component.version}: its go.mod has ${version ?? "no such module"}`,
    { remedy: `correct the entry, or its range of versions, in ${tableFile}` },
  );
}

async function writeModule(dir: string, files: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(dir, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
}

async function generate({ name, version, generated }: Component, dir: string): Promise<void> {
  if (generated === undefined)
    throw new MeshproofError(
      "build-failed",
      `a substitution for ${name} ${version} needs generated files, and the component generates none`,
      { remedy: `give the component \`generated\`, or correct the entry in ${tableFile}` },
    );
  await generated.write(dir);
}
