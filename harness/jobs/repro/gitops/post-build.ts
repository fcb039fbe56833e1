import { dirname } from "node:path";
import type { YamlDocument } from "#harness/config/yaml-objects.ts";
import { isMapping, mappingsIn } from "#harness/lib/value-at.ts";
import { inRepository, namesOf } from "../file-names.ts";
import { notRead, type SourceFile } from "../part.ts";
import { isList } from "../text-forms.ts";
import { groupOf, nameOf } from "../unwrap.ts";
import { at, literalVariable } from "../values-at.ts";
import { filled } from "./filled.ts";
import { type Held, heldIn, isNamed, nearest } from "./held-objects.ts";
import { entryOf, isEncrypted } from "./map-entries.ts";

type Values = Record<string, unknown>;

/** A Kustomization of Flux that fills variables into all that is below a folder of its repository. */
interface Filling {
  readonly file: SourceFile;
  readonly document: Values;
  readonly path: readonly string[];
  readonly variables: ReadonlyMap<string, string>;
  /** ConfigMaps and Secrets with more variables that are in no file, in several, or encrypted. */
  readonly missing: readonly string[];
}

/**
 * The files of the source with the variables of Flux's `postBuild` filled in: those below a Kustomization's `path` once for
 * each Kustomization with that path, as many clusters have one folder in common. Variables that are not known stay, and
 * are placeholders. Source: Flux, "Post build variable substitution".
 */
export function postBuilt(files: readonly SourceFile[]): SourceFile[] {
  const objects = heldIn(files);
  const fillings = objects.flatMap((by) => fillingOf(by, objects));
  if (fillings.length === 0) return [...files];
  const below = (file: SourceFile): Filling[] =>
    fillings.filter((f) => f.file !== file && isBelow(file, f.path));
  const done = new Set(files.flatMap(below));
  return files.flatMap((file): SourceFile[] => {
    const own = below(file);
    if (own.length === 0) return withoutDone(withNotes(file, fillings), done);
    // A Kustomization inside of another's folder is the nearer one.
    const depth = Math.max(...own.map((f) => f.path.length));
    return own
      .filter((f) => f.path.length === depth)
      .map((filling, i) => ({
        ...file,
        unit: [`${filling.file.path}#${nameOf(filling.document)}`, ...(file.unit ?? [])],
        documents: file.documents.map((d) => filledDocument(d, filling)),
        notes: i === 0 ? file.notes : [],
      }));
  });
}

function fillingOf(by: Held, objects: readonly Held[]): Filling[] {
  const { file, value: document } = by;
  if (document.kind !== "Kustomization" || groupOf(document.apiVersion) !== "kustomize.toolkit.fluxcd.io")
    return [];
  const spec = asSpec(document);
  const post = isMapping(spec.postBuild) ? spec.postBuild : undefined;
  const path = typeof spec.path === "string" ? inRepository(spec.path) : [];
  if (post === undefined || path.length === 0) return [];
  const missing: string[] = [];
  const variables = new Map<string, string>();
  for (const { kind, name } of mappingsIn(post.substituteFrom)) {
    // A Kustomization inside of another's folder is no other cluster's, so there are no rivals.
    const [map, ...others] = nearest(by, objects.filter(isNamed(by, { kind, name })), []);
    if (map === undefined || others.length > 0)
      missing.push(
        `${String(kind)} ${String(name)} is in ${map === undefined ? "no file" : "several files"}`,
      );
    else {
      const entries = entriesOf(map.value);
      if (entries.some(([, text]) => isEncrypted(map.value, text)))
        missing.push(`${String(kind)} ${String(name)} is encrypted`);
      else for (const [key, text] of entries) variables.set(key, text);
    }
  }
  // Variables that are written in place take precedence.
  for (const [key, value] of Object.entries(isMapping(post.substitute) ? post.substitute : {}))
    variables.set(key, String(value));
  return [{ file, document, path, variables, missing }];
}

const entriesOf = (map: Values): [string, string][] =>
  [map.data, map.stringData]
    .filter(isMapping)
    .flatMap(Object.keys)
    .flatMap((key): [string, string][] => {
      const text = entryOf(map, key);
      return text === undefined ? [] : [[key, text]];
    });

/** Whether a file, or a kustomization that made its documents, is in a folder of a repository. */
const isBelow = (file: SourceFile, path: readonly string[]): boolean =>
  [file.path, ...(file.unit ?? [])].some((inside) => {
    const names = namesOf(dirname(inside));
    return names.some((_, i) => path.every((name, j) => names[i + j] === name));
  });

const withNotes = (file: SourceFile, fillings: readonly Filling[]): SourceFile => {
  const own = fillings.filter((f) => f.file === file && f.missing.length > 0);
  if (own.length === 0) return file;
  const notes = own.map((f) =>
    notRead(
      `spec.postBuild.substituteFrom of ${nameOf(f.document)} in ${file.path}: ${f.missing.join("; ")}`,
    ),
  );
  return { ...file, notes: [...file.notes, ...notes] };
};

/** A Kustomization that was applied is no object of a cluster; what else it changes is named by others. */
function withoutDone(file: SourceFile, done: ReadonlySet<Filling>): SourceFile[] {
  const isDone = (value: unknown): boolean =>
    [...done].some(
      (f) => f.document === value && ["patches", "components"].every((key) => !(key in asSpec(f.document))),
    );
  const documents = file.documents.filter((d) => !isDone(d.value));
  return documents.length === 0 && file.documents.length > 0 && file.notes.length === 0
    ? []
    : [{ ...file, documents }];
}

const asSpec = ({ spec }: Values): Values => (isMapping(spec) ? spec : {});

const filledDocument = (document: YamlDocument, filling: Filling): YamlDocument => ({
  ...document,
  value: isList(document.value)
    ? { ...document.value, items: document.value.items.map((item) => filledObject(item, filling)) }
    : filledObject(document.value, filling),
});

function filledObject(value: unknown, { variables }: Filling): unknown {
  const off = isMapping(value) ? at(value, "metadata.annotations") : undefined;
  if (isMapping(off) && off["kustomize.toolkit.fluxcd.io/substitute"] === "disabled") return value;
  return retyped(
    filled(value, (text) => substituted(text, variables)),
    value,
  );
}

/** `${a}`, `${a:=default}` and `${a:-default}`; `$${a}` stands for `${a}`. */
const substituted = (text: string, variables: ReadonlyMap<string, string>): string =>
  text.replace(
    /\$?\$\{([A-Za-z_]\w*)(?::[=-]([^{}]*))?\}/g,
    (whole, name: string, otherwise: string | undefined) =>
      whole.startsWith("$$") ? literalVariable(whole.slice(1)) : (variables.get(name) ?? otherwise ?? whole),
  );

/** Flux fills the text of an object and reads it again, so that a text that became a number is one. */
function retyped(value: unknown, before: unknown): unknown {
  if (Array.isArray(value)) return value.map((v, i) => retyped(v, Array.isArray(before) ? before[i] : v));
  if (isMapping(value)) {
    const old = isMapping(before) ? before : {};
    return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, retyped(v, old[key] ?? v)]));
  }
  if (typeof value !== "string" || value === before) return value;
  if (value === "true" || value === "false") return value === "true";
  return /^-?(0|[1-9]\d{0,14})$/.test(value) ? Number(value) : value;
}
