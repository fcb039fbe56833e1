import { createHash } from "node:crypto";

/** JSON with the keys of every mapping in order, so that equal values give equal text. Undefined keys are left out. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(ordered(value));
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([key, inner]) => [key, ordered(inner)]),
  );
}

/** The first 16 hex digits of the SHA-256 of a value's canonical JSON. */
export const hashOf = (value: unknown): string =>
  createHash("sha256").update(canonicalJson(value)).digest("hex").slice(0, 16);

export type Scalar = string | number | boolean | null;

/** A value's leaves by their path, such as `clusters.east.values.hubble.enabled`. An empty list or mapping is a leaf. */
export function leavesOf(value: unknown, path = ""): Map<string, Scalar> {
  if (value === undefined) return new Map();
  if (typeof value !== "object" || value === null) return new Map([[path, value as Scalar]]);
  const entries = Object.entries(value);
  if (entries.length === 0) return new Map([[path, Array.isArray(value) ? "[]" : "{}"]]);
  return new Map(
    entries.flatMap(([key, inner]) => [...leavesOf(inner, path === "" ? key : `${path}.${key}`)]),
  );
}
