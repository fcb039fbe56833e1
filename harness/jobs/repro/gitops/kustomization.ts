import { existsSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { mergeValues } from "#harness/config/plan.ts";
import { readUserFile } from "#harness/config/user-file.ts";
import { parseYamlObjects, type YamlDocument, yamlObjectsOf } from "#harness/config/yaml-objects.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { Note } from "#harness/model/source-environment.ts";
import { realOf } from "../file-names.ts";
import { notApplied, unusedValue } from "../part.ts";
import { groupOf } from "../unwrap.ts";

type Values = Record<string, unknown>;

/** An object that kustomize works on, and the file that holds it. */
export interface Resource {
  readonly path: string;
  /** The kustomizations around it, from the one that is built. */
  readonly unit: readonly string[];
  readonly value: Values;
  readonly repeatedKeys: readonly string[];
}

const names = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
export const isKustomizationName = (path: string): boolean => names.includes(basename(path));

/** Whether a document is a kustomization of kustomize. Flux has a kind of that name too. */
export function isKustomization(document: unknown, path: string): document is Values {
  if (!isMapping(document)) return false;
  const { kind, apiVersion } = document;
  if (kind === undefined) return apiVersion === undefined && isKustomizationName(path);
  return (
    ["Kustomization", "Component"].includes(String(kind)) && groupOf(apiVersion) === "kustomize.config.k8s.io"
  );
}

/** Kustomizations of one build: people have dozens, and two that each use the next one twice a million. */
const mostKustomizations = 300;

/** One build of kustomize: what it has read, and what it could not do. */
export class Build {
  /** With the kustomizations around what they are about. */
  readonly notes: { readonly unit: readonly string[]; readonly note: Note }[] = [];
  /** Real paths of all files that were read. */
  readonly read = new Set<string>();
  #unit: readonly string[] = [];
  #kustomizations = 0;
  readonly #parsed = new Map<string, YamlDocument[]>();
  readonly #root: string;
  readonly #open: readonly string[];

  /** `root`: the path of its kustomization. `open`: given folders, of which all files may be read. */
  constructor(root: string, open: readonly string[]) {
    this.#root = root;
    this.#open = [...open, dirname(root)].map(realOf);
  }

  /** Notes what kustomize would do and this build does not. */
  leaveOut(place: string, what: string, why: string): void {
    const build = `kustomize build ${shellQuote([dirname(this.#root)])}`;
    const note = notApplied(place, what, `${why}; give what \`${build}\` prints`);
    this.notes.push({ unit: this.#unit, note });
  }

  /** Notes values of a file that kustomize does not read; the file is of this build all the same. */
  leaveUnused(from: string, named: string, why: { readonly place: string; readonly what: string }): void {
    this.take(join(dirname(from), named));
    this.notes.push({ unit: this.#unit, note: unusedValue(why.place, `${named} ${why.what}`) });
  }

  /** Why no more kustomizations are built. */
  get limit(): string | undefined {
    return this.#kustomizations < mostKustomizations
      ? undefined
      : `more than ${mostKustomizations} kustomizations`;
  }

  /** Does the work of one kustomization, of which its notes are. */
  inside<T>(unit: readonly string[], work: () => T): T {
    this.#kustomizations += 1;
    const around = this.#unit;
    this.#unit = unit;
    try {
      return work();
    } finally {
      this.#unit = around;
    }
  }

  /** The folder of a local kustomization, or the file, that another one names; undefined if there is none. */
  find(from: string, named: string): { readonly path: string; readonly isFolder: boolean } | undefined {
    const path = join(dirname(from), named);
    if (!existsSync(path)) return undefined;
    return { path, isFolder: statSync(path).isDirectory() };
  }

  /** The text of a file that a kustomization names; undefined, with a note at `place`, if it may not be read. */
  text(from: string, named: string, place: string): string | undefined {
    const found = this.find(from, named);
    const why =
      found === undefined
        ? whyAbsent(named)
        : found.isFolder
          ? "it is a folder"
          : this.#refusal(from, found.path);
    if (found === undefined || why !== undefined) {
      this.leaveOut(place, named, why ?? "");
      return undefined;
    }
    return this.#within(place, named, () => readUserFile(found.path, place));
  }

  /** The documents of a file that a kustomization names; the same. */
  documents(from: string, named: string, place: string): YamlDocument[] {
    const path = join(dirname(from), named);
    const known = this.#parsed.get(path);
    if (known !== undefined) return known;
    const text = this.text(from, named, place);
    const parsed =
      text === undefined ? undefined : this.#within(place, named, () => yamlObjectsOf(text, path));
    // A file that is left out may be read on its own, which names what is wrong in it.
    if (parsed === undefined) return [];
    this.read.add(realOf(path));
    this.#parsed.set(path, parsed);
    return parsed;
  }

  /** The documents of a text within a kustomization; none, with a note, if it is not YAML. */
  inline(text: string, place: string): YamlDocument[] {
    return this.#within(place, "its text", () => parseYamlObjects(text, place)) ?? [];
  }

  /** Marks a file as a part of this build, which is not read on its own. */
  take(path: string): void {
    this.read.add(realOf(path));
  }

  #within<T>(place: string, named: string, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof MeshproofError)) throw error;
      this.leaveOut(place, named, error.message);
      return undefined;
    }
  }

  /** As kustomize, unless the file is in a given folder. */
  #refusal(from: string, path: string): string | undefined {
    const real = realpathSync(path);
    const isOpen = [...this.#open, realpathSync(dirname(from))].some((dir) => isBelow(real, dir));
    return isOpen ? undefined : "it is outside of the given folders";
  }
}

const isBelow = (path: string, dir: string): boolean => {
  const way = relative(dir, path);
  return way !== ".." && !way.startsWith(`..${sep}`) && resolve(dir, way) === path;
};

export const isRemote = (named: string): boolean =>
  /^([a-z]+:\/\/|[\w.-]+@|git::)|[?&](ref|version)=|^(github|gitlab)\.com\//.test(named);
const whyAbsent = (named: string): string => (isRemote(named) ? "it is not local" : "there is no such file");

/** The kustomization of a folder: its path and its document; undefined if it has none that can be read. */
export function kustomizationIn(
  folder: string,
): { readonly path: string; readonly document: Values } | undefined {
  const path = names.map((name) => join(folder, name)).find((p) => existsSync(p));
  if (path === undefined) return undefined;
  try {
    const [document] = yamlObjectsOf(readUserFile(path, "a kustomization"), path);
    return isMapping(document?.value) ? { path, document: document.value } : undefined;
  } catch (error) {
    if (error instanceof MeshproofError) return undefined;
    throw error;
  }
}

/** Whether kustomize takes `valuesInline` alone, and not `valuesFile` (`Generate` and `createNewMergedValuesFile`). */
export const replacesValuesFile = ({ valuesFile, valuesInline, valuesMerge }: Values): boolean =>
  typeof valuesFile === "string" &&
  valuesMerge === "replace" &&
  isMapping(valuesInline) &&
  Object.keys(valuesInline).length > 0;

/**
 * A chart of `helmCharts` with the values of its local files, as kustomize merges them: with `override`, the default,
 * `valuesInline` counts, with `merge` the file, and `additionalValuesFiles` after both
 * (HelmChartInflationGenerator.go of kustomize's api v0.21.1).
 */
export function withValuesFiles(chart: Values, read: (path: string) => Values | undefined): Values {
  const { valuesFile, additionalValuesFiles, valuesInline, valuesMerge, ...rest } = chart;
  const inline = isMapping(valuesInline) ? valuesInline : {};
  const own = typeof valuesFile === "string" && !replacesValuesFile(chart) ? read(valuesFile) : {};
  const more = (Array.isArray(additionalValuesFiles) ? additionalValuesFiles : []).map((path) =>
    typeof path === "string" ? read(path) : undefined,
  );
  const first = own ?? {};
  const merged = valuesMerge === "merge" ? mergeValues(inline, first) : mergeValues(first, inline);
  return {
    ...rest,
    valuesInline: more.reduce<Values>((all, values) => mergeValues(all, values ?? {}), merged),
    // What could not be read is named.
    ...(own === undefined ? { valuesFile } : {}),
    ...(more.includes(undefined) ? { additionalValuesFiles } : {}),
  };
}
