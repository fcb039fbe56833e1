import { isMapping } from "#harness/lib/value-at.ts";
import { childOf } from "./patches.ts";
import { selected } from "./selected.ts";

type Values = Record<string, unknown>;
interface Resource {
  readonly value: Values;
}

/** Objects are not that deep. */
const mostKeys = 100;

/** Keys joined by dots; a dot after a backslash belongs to the key. Undefined for a path into a list by a condition. */
function keysOf(path: unknown): string[] | undefined {
  if (typeof path !== "string" || /[[\]*]/.test(path)) return undefined;
  const keys = path.split(/(?<!\\)\./).map((key) => key.replaceAll("\\.", "."));
  return keys.length > mostKeys ? undefined : keys;
}

/** The object with a value in place of another; undefined if there is none and `create` is not set. */
function withValue(
  object: Values,
  [key = "", ...rest]: readonly string[],
  { value, create }: { readonly value: unknown; readonly create: boolean },
): Values | undefined {
  const standing = object[key];
  if (standing === undefined && !create) return undefined;
  if (rest.length === 0) return { ...object, [key]: value };
  if (standing !== undefined && !isMapping(standing)) return undefined;
  const inner = withValue(standing ?? {}, rest, { value, create });
  return inner === undefined ? undefined : { ...object, [key]: inner };
}

/**
 * One item of `replacements`: copies a value of one object into others. Returns the changed objects by the old ones, or
 * why the item is not applied: it takes a part of a text, goes into a list by a condition, or finds nothing.
 */
export function replacedBy<T extends Resource>(
  item: Values,
  resources: readonly T[],
): Map<T, Values> | string {
  const { source, targets } = item;
  if (!isMapping(source) || !Array.isArray(targets)) return "its source or its targets are in another file";
  if (source.options !== undefined) return "its source has options";
  const { fieldPath = "metadata.name", options: _, ...selector } = source;
  const from = keysOf(fieldPath);
  const found = selected(exact(selector), resources);
  if (typeof found === "string") return found;
  const [only, ...more] = found;
  if (only === undefined || more.length > 0) return `${found.length} objects are its source`;
  const value = from === undefined ? undefined : from.reduce<unknown>(childOf, only.value);
  if (value === undefined) return `its source has no ${short(fieldPath)}`;
  const changed = new Map<T, Values>();
  for (const target of targets) {
    const { select, reject, fieldPaths, options } = isMapping(target) ? target : {};
    const { create, ...others } = isMapping(options) ? options : {};
    if (!isMapping(select) || reject !== undefined || Object.keys(others).length > 0)
      return "a target has options, or rejects objects";
    const objects = selected(exact(select), resources);
    if (typeof objects === "string") return objects;
    if (objects.length === 0) return "no object is its target";
    for (const path of Array.isArray(fieldPaths) ? fieldPaths : ["metadata.name"]) {
      const keys = keysOf(path);
      if (keys === undefined) return `its target ${short(path)} is within a list`;
      for (const object of objects) {
        const next = withValue(changed.get(object) ?? object.value, keys, { value, create: create === true });
        if (next === undefined) return `its target ${short(path)} does not exist, so kustomize refuses it`;
        changed.set(object, next);
      }
    }
  }
  return changed;
}

const short = (path: unknown): string => String(path).slice(0, 80);

/** A selector of a replacement has texts, not regular expressions. */
const exact = (selector: Values): Values =>
  Object.fromEntries(
    Object.entries(selector).map(([key, v]) => [
      key,
      typeof v === "string" && !key.endsWith("Selector") ? v.replaceAll(".", "[.]") : v,
    ]),
  );
