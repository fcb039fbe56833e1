import { shortList } from "#harness/lib/short-list.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import { groupOf, nameOf } from "../unwrap.ts";

type Values = Record<string, unknown>;

/** Of the fields that a patch or a replacement changes. */
export const namesShown = 4;

/** A patched object, nothing if the patch deletes it, or why the patch cannot be applied. */
export type Patched = { readonly object?: Values } | { readonly why: string };

/** Kinds of Kubernetes' own groups, whose lists have keys by which a strategic merge patch merges them. */
const builtIn = /^(|apps|batch|autoscaling|policy|extensions|([a-z-]+\.)?k8s\.io)$/;

/**
 * A strategic merge patch, as kustomize applies it. Lists of other kinds are replaced; the lists of Kubernetes' own kinds
 * are merged by keys that are not known here, so a patch with one is not applied.
 */
export function strategicMerge(object: Values, patch: Values): Patched {
  if (patch.$patch === "delete") return {};
  const unknown = unmergeable(patch, builtIn.test(groupOf(object.apiVersion)));
  if (unknown !== undefined) return { why: unknown };
  const merged = mergePatch(object, patch);
  // kustomize keeps what identifies an object.
  const metadata = isMapping(merged.metadata) ? merged.metadata : {};
  const { name, namespace } = isMapping(object.metadata) ? object.metadata : {};
  return {
    object: {
      ...merged,
      apiVersion: object.apiVersion,
      kind: object.kind,
      metadata: { ...metadata, name, ...(namespace === undefined ? {} : { namespace }) },
    },
  };
}

function mergePatch(object: Values, patch: Values): Values {
  const { $patch, ...rest } = patch;
  const merged: Values = $patch === "replace" ? {} : { ...object };
  for (const [key, value] of Object.entries(rest)) {
    const standing = merged[key];
    if (value === null || (isMapping(value) && value.$patch === "delete")) delete merged[key];
    else merged[key] = isMapping(value) ? mergePatch(isMapping(standing) ? standing : {}, value) : value;
  }
  return merged;
}

/** What of a patch has no certain meaning here. */
function unmergeable(patch: Values, isBuiltIn: boolean, path = ""): string | undefined {
  for (const [key, value] of Object.entries(patch)) {
    const place = path === "" ? key : `${path}.${key}`;
    if (key.startsWith("$") && !(key === "$patch" && ["delete", "replace", "merge"].includes(String(value))))
      return `the directive ${place} is not known`;
    if (Array.isArray(value) && isBuiltIn) return `it merges the list ${place}`;
    if (Array.isArray(value) && value.some((v) => isMapping(v) && "$patch" in v))
      return `it has directives within the list ${place}`;
    const inner = isMapping(value) ? unmergeable(value, isBuiltIn, place) : undefined;
    if (inner !== undefined) return inner;
  }
  return undefined;
}

/** A JSON patch (RFC 6902): all its operations, or none. */
export function jsonPatch(object: Values, operations: readonly unknown[]): Patched {
  let patched: unknown = structuredClone(object);
  for (const [i, operation] of operations.entries()) {
    const { op, path, value } = isMapping(operation) ? operation : {};
    if (typeof path !== "string" || !(path === "" || path.startsWith("/")))
      return { why: `operation ${i} has no path` };
    const keys = path
      .split("/")
      .slice(1)
      .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
    if (op === "test") continue;
    if (op !== "add" && op !== "replace" && op !== "remove")
      return { why: `operation ${i} is ${JSON.stringify(op)}, not add, replace or remove` };
    const parent = keys.slice(0, -1).reduce<unknown>(childOf, patched);
    const [last] = keys.slice(-1);
    if (last === undefined) patched = op === "remove" ? undefined : value;
    else if (!change(parent, last, { op, value: structuredClone(value) }))
      return { why: `${path} does not exist in it, so kustomize refuses the patch` };
  }
  return isMapping(patched) ? { object: patched } : {};
}

/** What a mapping has at a key, or a list at an index. */
export function childOf(parent: unknown, key: string): unknown {
  if (Array.isArray(parent)) return /^\d+$/.test(key) ? parent[Number(key)] : undefined;
  return isMapping(parent) && Object.hasOwn(parent, key) ? parent[key] : undefined;
}

/** Changes the parent of a value in place; false if there is nothing to change. */
function change(
  parent: unknown,
  key: string,
  { op, value }: { readonly op: "add" | "replace" | "remove"; readonly value: unknown },
): boolean {
  const exists = childOf(parent, key) !== undefined;
  if (op !== "add" && !exists) return false;
  if (Array.isArray(parent)) {
    const index = key === "-" ? parent.length : Number(key);
    if (!Number.isInteger(index) || index < 0 || index > parent.length) return false;
    if (op === "remove") parent.splice(index, 1);
    else parent.splice(index, op === "add" ? 0 : 1, value);
    return true;
  }
  if (!isMapping(parent)) return false;
  if (op === "remove") delete parent[key];
  else Object.defineProperty(parent, key, { value, writable: true, enumerable: true, configurable: true });
  return true;
}

/** The object that a patch is of, and what it sets. */
export function whatOf(value: Values | readonly unknown[], target: Values | undefined): string {
  if (!isMapping(value)) {
    const { kind = "", name = "" } = target ?? {};
    return `${`${kind} ${name}`.trim()}: ${shortList(fieldsOf(value), namesShown)}`;
  }
  return `${nameOf(value)}: ${shortList(fieldsOf(value), namesShown)}`;
}

/** The fields that a patch changes: paths of a JSON patch, `a.b` of a strategic merge. */
export function fieldsOf(value: Values | readonly unknown[]): string[] {
  if (!isMapping(value)) return value.filter(isMapping).map((o) => String(o.path));
  const { apiVersion: _, kind: __, metadata: ___, ...rest } = value;
  return leavesOf(rest);
}

const leavesOf = (value: Values, path = ""): string[] =>
  Object.entries(value).flatMap(([key, v]) => {
    const place = path === "" ? key : `${path}.${key}`;
    return isMapping(v) ? leavesOf(v, place) : [place];
  });
