import { isMap, isScalar, parseAllDocuments, visit } from "yaml";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { syntaxProblem } from "#harness/lib/syntax-problem.ts";
import { goYamlTags } from "./go-yaml.ts";
import { readUserFile } from "./user-file.ts";

/** Parsed YAML takes many times its length in memory. */
const mostBytes = 16 * 1024 ** 2;
/** Aliases of one file, each multiplied by the aliases within its anchor: people write dozens, a bomb millions. */
const mostAliases = 1000;
/** Values of one document after its aliases are replaced by what they stand for. */
const mostValues = 2_000_000;
const mostDepth = 200;

/** One document of a file of Helm values or Kubernetes objects. */
export interface YamlDocument {
  readonly value: unknown;
  /** Keys that are written twice in one mapping; as in Helm and kubectl, the last one counts. */
  readonly repeatedKeys: readonly string[];
}

/**
 * The documents of a file that an operator has: values, manifests, output of kubectl. The only reader of such files, so
 * that all commands accept the same ones. Anchors and merge keys are replaced, as Helm does. Empty documents are left
 * out. Throws `config-invalid` with file, place and remedy.
 */
export const readYamlObjects = (path: string, what: string): YamlDocument[] =>
  yamlObjectsOf(readUserFile(path, what), path);

/** The same of such a file's text. */
export function yamlObjectsOf(text: string, path: string): YamlDocument[] {
  if (text.length > mostBytes)
    throw new MeshproofError(
      "config-invalid",
      `${path} has ${Math.round(text.length / 1024 ** 2)} MiB; the limit is 16 MiB`,
      { remedy: "give only the objects of Cilium's and the tested namespaces" },
    );
  return parseYamlObjects(text, path);
}

/** The same of a text of any size; `place` names it in errors. */
export function parseYamlObjects(text: string, place: string): YamlDocument[] {
  try {
    return documentsOf(text, place);
  } catch (error) {
    // The parser calls itself for each level.
    if (error instanceof RangeError) throw tooDeep(place);
    throw error;
  }
}

const isTooDeep = (error: unknown): boolean => /call stack/i.test(messageOf(error));

/** Without the parser's own error, which quotes the text. */
const tooDeep = (place: string): MeshproofError =>
  new MeshproofError("config-invalid", `${place} is nested too deeply: more than ${mostDepth} levels`, {
    remedy: "give what Helm or kubectl prints; no object of a mesh has so many levels",
  });

function documentsOf(text: string, place: string): YamlDocument[] {
  // Helm and kubectl take the last of equal keys.
  return parseAllDocuments(text, { uniqueKeys: false, customTags: goYamlTags, logLevel: "error" }).flatMap(
    (document): YamlDocument[] => {
      const [error] = document.errors;
      if (error !== undefined) throw notYaml(text, place, error);
      let value: unknown;
      try {
        value = document.toJS({ maxAliasCount: mostAliases });
      } catch (failure) {
        if (isTooDeep(failure)) throw tooDeep(place);
        throw new MeshproofError("config-invalid", `${place} cannot be read: ${syntaxProblem(failure)}`, {
          remedy: "write it with fewer YAML aliases",
        });
      }
      requireBounded(value, place);
      return value === null || value === undefined ? [] : [{ value, repeatedKeys: repeatedKeysOf(document) }];
    },
  );
}

function notYaml(text: string, place: string, error: unknown): MeshproofError {
  if (isTooDeep(error)) return tooDeep(place);
  const conflict = text.split("\n").findIndex((line) => /^(<{7}|>{7}|\|{7})( |$)/.test(line));
  if (conflict !== -1)
    return new MeshproofError(
      "config-invalid",
      `${place} holds a merge conflict of git (its marker is in line ${conflict + 1})`,
      { remedy: "decide which side counts, and remove the markers" },
    );
  if (endsEarly(text))
    return new MeshproofError("config-invalid", `${place} ends early: its JSON is not complete`, {
      remedy: "write the file again: the command that made it, or the copy, was cut off",
    });
  const isTemplate = text.includes("{{");
  return new MeshproofError("config-invalid", `${place} is not YAML: ${syntaxProblem(error)}`, {
    remedy: isTemplate
      ? "it contains a template: give its rendered form (`helm template`, `kustomize build`, `helm get values`)"
      : "correct the file, or give its rendered form (`helm template`, `kustomize build`)",
  });
}

/** Whether a text is the beginning of one value in JSON. */
function endsEarly(text: string): boolean {
  if (!/^\s*[{[]/.test(text)) return false;
  try {
    JSON.parse(text);
    return false;
  } catch (error) {
    const message = messageOf(error);
    const position = Number(/ at position (\d+)/.exec(message)?.[1] ?? Number.NaN);
    return /^Unexpected end|^Unterminated string/.test(message) || position >= text.trimEnd().length;
  }
}

/** Anchors within anchors make a small file a huge value, or one without an end. */
function requireBounded(value: unknown, place: string): void {
  let left = mostValues;
  const walk = (inner: unknown, depth: number): void => {
    left -= 1;
    if (left < 0 || depth > mostDepth)
      throw new MeshproofError(
        "config-invalid",
        `${place} has more than ${depth > mostDepth ? `${mostDepth} levels` : `${mostValues} values`} once its aliases are replaced`,
        { remedy: "write it with fewer YAML aliases, or split it" },
      );
    if (typeof inner !== "object" || inner === null) return;
    for (const item of Object.values(inner)) walk(item, depth + 1);
  };
  walk(value, 0);
}

function repeatedKeysOf(document: ReturnType<typeof parseAllDocuments>[number]): string[] {
  const repeated = new Set<string>();
  visit(document, {
    Map(_, map) {
      const seen = new Set<string>();
      for (const { key } of isMap(map) ? map.items : []) {
        const name = isScalar(key) ? String(key.value) : "";
        if (name !== "" && name !== "<<" && seen.has(name)) repeated.add(name);
        seen.add(name);
      }
    },
  });
  return [...repeated];
}
