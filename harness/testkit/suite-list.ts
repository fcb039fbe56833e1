import { readdir } from "node:fs/promises";
import { registerHooks } from "node:module";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import type { LabPlan } from "#harness/model/lab-plan.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import type { Requirement } from "./capabilities.ts";
import type { ListOptions, Suite, SuiteInfo, TestCase, When } from "./define-suite.ts";

/** A suite that can be listed and run: what its module exports, and the module's path. */
export interface ListedSuite {
  readonly info: SuiteInfo;
  readonly file: string;
  tests(options: ListOptions): readonly TestCase[];
}

export const testkitName = "meshproof/testkit";
export const testkitFile = join(import.meta.dirname, "index.ts");

const places: readonly When[] = ["core", "lab", "long"];

export const suitesDir = (): string => join(repoRoot(), "suites");

/** Every `<dir>/<name>/<name>.suite.ts`, in the order of their records. Imports the modules, and needs no lab. */
export async function loadSuites(dir: string = suitesDir()): Promise<readonly ListedSuite[]> {
  // The folder may be a repository's root, so skip hidden folders and node_modules.
  const folders = (await readdir(dir, { withFileTypes: true })).filter(
    (e) => e.isDirectory() && !e.name.startsWith(".") && e.name !== "node_modules",
  );
  const suites = await Promise.all(
    folders.map(({ name }) => loadSuite(name, join(dir, name, `${name}.suite.ts`))),
  );
  return suites.sort((a, b) => rank(a.info) - rank(b.info) || (a.info.name < b.info.name ? -1 : 1));
}

/** Resolves `meshproof/testkit` to this project for suites in other folders, because it is not installed there. */
function resolveTestkit(): void {
  registerHooks({
    resolve: (name, context, next) =>
      name === testkitName ? next(pathToFileURL(testkitFile).href, context) : next(name, context),
  });
}

/** The built-in suites, then those of another folder. Throws `usage` if that reuses a built-in name. */
export async function loadAllSuites(otherDir?: string): Promise<readonly ListedSuite[]> {
  const builtIn = await loadSuites();
  if (otherDir === undefined) return builtIn;
  resolveTestkit();
  const others = await loadSuites(resolve(otherDir)).catch((error: unknown) => {
    if (error instanceof MeshproofError) throw error;
    throw new MeshproofError("usage", `--suites-dir ${otherDir} cannot be read: ${messageOf(error)}`, {
      cause: error,
      remedy: "name a folder that holds <name>/<name>.suite.ts",
    });
  });
  const twin = others.find((o) => builtIn.some((s) => s.info.name === o.info.name));
  if (twin !== undefined)
    throw new MeshproofError("usage", `${twin.file} has the name of a built-in suite`, {
      remedy: "rename it",
    });
  return [...builtIn, ...others];
}

/** Sorts by `when`, then by `order`; suites without an order come last. */
const rank = ({ when, order }: SuiteInfo): number => places.indexOf(when) * 1000 + (order ?? 999);

async function loadSuite(name: string, file: string): Promise<ListedSuite> {
  let exported: { default?: Suite };
  try {
    exported = await import(pathToFileURL(file).href);
  } catch (error) {
    throw new MeshproofError("usage", `suite ${file} cannot be loaded: ${messageOf(error)}`, {
      cause: error,
      remedy: "a folder of suites holds <name>/<name>.suite.ts, which exports `defineSuite(...)`",
    });
  }
  const suite = exported.default;
  if (suite?.definition.name !== name)
    throw new MeshproofError("usage", `${file} does not export suite ${name}`, {
      remedy: `write \`export default defineSuite({ name: "${name}", ... }, ...)\``,
    });
  return { info: suite.definition, file, tests: (options) => suite.tests(options) };
}

/** Files of suites by folder, in order; first the built-in ones, whose folder is undefined. */
export function byFolder(
  suites: readonly ListedSuite[],
): readonly { readonly dir?: string; readonly files: readonly string[] }[] {
  const folders = Map.groupBy(suites, (s) => dirname(dirname(s.file)));
  return [...folders].map(([dir, all]) => ({
    ...(dir === suitesDir() ? {} : { dir }),
    files: all.map((s) => s.file),
  }));
}

/** The names of the suites with one of the given `when` values, in order. */
export const suiteNames = (suites: readonly ListedSuite[], ...when: readonly When[]): readonly string[] =>
  suites.filter((s) => when.includes(s.info.when)).map((s) => s.info.name);

/** The titles of every suite's tests on clusters with these names; runs nothing. */
export const listTests = (
  suites: readonly ListedSuite[],
  clusters: readonly string[],
): ReadonlyMap<string, readonly string[]> =>
  new Map(suites.map((s) => [s.info.name, s.tests({ clusters }).map((t) => t.title)]));

/** All requirements of some suites and their tests. */
export const requirementsOf = (suites: readonly ListedSuite[], options: ListOptions): Requirement[] =>
  suites.flatMap((s) => [...(s.info.requires ?? []), ...s.tests(options).flatMap((t) => t.requires ?? [])]);

/** Suites with this tag run only if they or the tag are named: a default run has 12 minutes for its tests. */
export const extended = "extended";

/**
 * The suites to run: the named ones; with `--tag extended` those of every lab, of this lab and the long ones;
 * otherwise those of every lab and of this lab that are not extended. Throws `usage` for an unknown name.
 */
export function chooseSuites(
  suites: readonly ListedSuite[],
  named: readonly string[],
  plan: Pick<LabPlan, "suites">,
  tags: readonly string[] = [],
): readonly ListedSuite[] {
  const find = (name: string): ListedSuite => {
    const found = suites.find((s) => s.info.name === name);
    if (found !== undefined) return found;
    throw new MeshproofError("usage", `there is no suite ${name}`, {
      remedy: `name one or more of ${suites.map((s) => s.info.name).join(", ")}`,
    });
  };
  const ofLab = plan.suites.map(find);
  const chosen = named.map(find);
  if (chosen.length > 0) return chosen;
  const everyLab = suites.filter((s) => s.info.when === "core");
  if (!tags.includes(extended)) return [...everyLab, ...ofLab].filter((s) => !s.info.tags.includes(extended));
  const long = suites.filter((s) => s.info.when === "long" && !plan.suites.includes(s.info.name));
  return [...everyLab, ...ofLab, ...long];
}
