import { type YamlDocument, yamlObjectsOf } from "#harness/config/yaml-objects.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import { Branches, hasControls } from "./template-branches.ts";
import { isPlaceholder } from "./values-at.ts";
import { valuesKinds } from "./wrapped-values.ts";
import { expressionIn, withQuotes } from "./yaml-expressions.ts";

/** What a Go template of YAML says without being run. */
interface ReadTemplate {
  /** A value that the template decides on, or fills in, is a text with its expression: a placeholder. */
  readonly documents: readonly YamlDocument[];
  /** Lines that may add any value at their place, with their numbers. */
  readonly missing: readonly string[];
}

/**
 * Reads a Go template of YAML: every way through its conditions and loops is parsed, and what is not the same in all of
 * them is not known. Throws `config-invalid` if no way is YAML, or if nothing is left that is known.
 */
export function readTemplate(text: string, place: string): ReadTemplate {
  if (!expressionIn(text) || !hasControls(text)) return { documents: filledIn(text, place), missing: [] };
  const branches = new Branches(text, place);
  const read: (readonly YamlDocument[])[] = [];
  const errors: MeshproofError[] = [];
  for (const way of branches.ways())
    try {
      read.push(filledIn(way, place));
    } catch (error) {
      if (!(error instanceof MeshproofError)) throw error;
      errors.push(error);
    }
  const [first] = read;
  const [error] = errors;
  if (first === undefined && error !== undefined) throw error;
  const documents = (first ?? []).map(({ repeatedKeys }, i) => ({
    value: agreed(read.map((way) => way[i]?.value)),
    repeatedKeys,
  }));
  const isOfOneLength = read.every((way) => way.length === first?.length);
  if (!isOfOneLength || !documents.some((d) => isKnown(d.value)))
    throw new MeshproofError("config-invalid", `${place} is a template with conditions or loops`, {
      remedy: "give the values of one cluster as a file of their own: what `helm get values` prints",
    });
  const unread =
    errors.length === 0 ? [] : [`${errors.length} of its conditions and loops, which are no YAML`];
  return { documents, missing: [...branches.additions, ...unread] };
}

/**
 * The documents of a file, and what of it is not read. A file of objects is read as a template only where all of them are
 * of kinds that hold values: of other objects, a placeholder would be taken for what is written.
 */
export function templateFile(text: string, path: string): ReadTemplate {
  const kinds = [...text.matchAll(/^kind:\s*["']?(\w*)/gm)].map((m) => m[1] ?? "");
  const isObjects = /^(apiVersion|items):/m.test(text);
  if (!expressionIn(text) || !kinds.every(holdsValues) || isObjects !== kinds.length > 0)
    return { documents: yamlObjectsOf(text, path), missing: [] };
  return kinds.length === 0 ? readTemplate(text, path) : { documents: filledIn(text, path), missing: [] };
}

/** The documents of a text in which expressions may stand without quotes. */
function filledIn(text: string, place: string): readonly YamlDocument[] {
  let plain: readonly YamlDocument[] | undefined;
  let why: MeshproofError | undefined;
  try {
    plain = yamlObjectsOf(text, place);
    if (!plain.some((d) => isMangled(d.value))) return plain;
  } catch (error) {
    if (!(error instanceof MeshproofError) || !expressionIn(text)) throw error;
    why = error;
  }
  try {
    return yamlObjectsOf(withQuotes(text), place);
  } catch (error) {
    if (plain !== undefined && error instanceof MeshproofError) return plain;
    throw why ?? error;
  }
}

/** `{{ x }}` without quotes is a mapping whose only key is a mapping, to YAML. */
function isMangled(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isMangled);
  if (!isMapping(value)) return false;
  const entries = Object.entries(value);
  return entries.some(([key, v]) => (v === null && /^\{.*\}$/s.test(key)) || isMangled(v));
}

const holdsValues = (kind: string): boolean => valuesKinds.some((k) => k.kind === kind && kind !== "");

/** Whether anything of a value is known. */
const isKnown = (value: unknown): boolean =>
  isMapping(value)
    ? Object.values(value).some(isKnown)
    : Array.isArray(value)
      ? value.some(isKnown)
      : value !== undefined && value !== null && !isPlaceholder(value);

/** What is the same in all ways; all else is a placeholder that names what it may be. */
function agreed(values: readonly unknown[]): unknown {
  const texts = new Set(values.map((v) => JSON.stringify(v)));
  if (texts.size <= 1) return values[0];
  const isNothing = (v: unknown): boolean => v === undefined || v === null;
  if (values.every((v) => isMapping(v) || isNothing(v))) {
    const mappings = values.map((v) => (isMapping(v) ? v : {}));
    const keys = new Set(mappings.flatMap(Object.keys));
    return Object.fromEntries([...keys].map((key) => [key, agreed(mappings.map((m) => m[key]))]));
  }
  const shown = values.map((v) =>
    isNothing(v) ? "not set" : typeof v === "string" ? v : JSON.stringify(v).slice(0, 60),
  );
  return `{{...}} ${[...new Set(shown)].join(" or ")}`;
}
