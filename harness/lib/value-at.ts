/** Whether a value is a mapping: neither null nor a list. */
export const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The texts, and the mappings, of a list; of anything else none. */
export const textsIn = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((v): v is string => typeof v === "string") : [];
export const mappingsIn = (value: unknown): Record<string, unknown>[] =>
  Array.isArray(value) ? value.filter(isMapping) : [];

/** The value at a path of keys joined by dots; undefined if a key on the way is missing or holds no mapping. */
export function valueAt(values: Readonly<Record<string, unknown>>, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>(
      (v, key) =>
        typeof v === "object" && v !== null ? (v as Readonly<Record<string, unknown>>)[key] : undefined,
      values,
    );
}
