import { dirname, join, normalize } from "node:path";
import { mergeValues } from "#harness/config/plan.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import { endsIn, inRepository, isSamePath, namesOf } from "./file-names.ts";
import { isOfOneCluster, type SourceFile } from "./part.ts";
import { isPlaceholder } from "./values-at.ts";

type Values = Record<string, unknown>;

/** What a list of values files says, later ones over earlier ones, as with `helm -f A -f B`. */
export interface Layers {
  readonly values: Values;
  /** Those of the source, with those that are encrypted or no values. */
  readonly files: readonly SourceFile[];
  /** Names of which no values are known, with the reason. */
  readonly missing: readonly string[];
}

/**
 * Reads the values files that an object or a command names. An item may also be values themselves. `root`: the names are
 * of a repository, relative to this folder of it, and not to the file that names them.
 */
export type ReadLayers = (items: readonly unknown[], root?: string) => Layers;

/** The files of the source, as others name them: with `helm -f`, or as `valueFiles` of an Application. */
export class ValuesFiles {
  readonly #files: readonly { readonly file: SourceFile; readonly names: readonly string[] }[];
  readonly #taken = new Set<SourceFile>();

  constructor(files: readonly SourceFile[]) {
    this.#files = files.map((file) => ({ file, names: namesOf(file.path) }));
  }

  /** Marks files as parts of others, which are not read on their own. */
  take(files: readonly SourceFile[]): void {
    for (const file of files) this.#taken.add(file);
  }

  isTaken(file: SourceFile): boolean {
    return this.#taken.has(file);
  }

  /** For the names in one file. */
  of(from: SourceFile): ReadLayers {
    return (items, root) => {
      const files: SourceFile[] = [];
      const missing: string[] = [];
      let values: Values = {};
      for (const item of items) {
        const found: Found = isMapping(item) ? { values: item } : this.#find(from, String(item), root);
        files.push(...(found.files ?? []));
        if (found.why !== undefined) missing.push(`${String(item)}: ${found.why}`);
        // Of a template.
        missing.push(...(found.files?.[0]?.notes ?? []).map((note) => note.inSource));
        if (found.values !== undefined) values = mergeValues(values, found.values);
      }
      return { values, files, missing };
    };
  }

  #find(from: SourceFile, name: string, root: string | undefined): Found {
    if (/^[a-z][a-z0-9+.-]*:\/\//.test(name)) return { why: "it is not a local file" };
    if (name === "-") return { why: "standard input, such as a here-document" };
    // Argo CD: `$REF/` is the root of another repository.
    const [, ofOther] = /^\$[\w-]+\/(.+)$/.exec(name) ?? [];
    const path = ofOther ?? name;
    if (isPlaceholder(path)) return { why: "its name is not known" };
    const isOfRoot = ofOther !== undefined || path.startsWith("/");
    const end = inRepository(normalize(isOfRoot ? path : join(root ?? "", path)));
    const own = this.#files.filter(({ file }) => file !== from && isOfOneCluster(file, from));
    const beside = namesOf(join(dirname(from.path), path));
    const exact = isOfRoot || root !== undefined ? [] : own.filter(({ names }) => isSamePath(names, beside));
    const found = exact.length > 0 ? exact : own.filter(({ names }) => endsIn(names, end));
    const [first] = found;
    const others = found.filter((f) => !isSamePath(f.names, first?.names ?? []));
    if (first === undefined) return { why: "in no file" };
    const places = found.slice(0, 4).map(({ file }) => file.path);
    // Each may be the values of another cluster.
    if (others.length > 0) return { why: `in several files: ${places.join(", ")}` };
    // A file may be given for each of several clusters.
    return { ...valuesOf(first.file), files: found.map(({ file }) => file) };
  }
}

interface Found {
  readonly values?: Values;
  /** Why there are none. */
  readonly why?: string;
  readonly files?: readonly SourceFile[];
}

function valuesOf(file: SourceFile): Found {
  const [document, ...more] = file.documents;
  if (document === undefined && file.text?.trim() === "") return { values: {} };
  const value = document?.value;
  if (more.length > 0 || !isMapping(value) || typeof value.kind === "string")
    return { why: "it holds no values" };
  return isMapping(value.sops) ? { why: "it is encrypted" } : { values: value };
}
