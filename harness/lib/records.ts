import type { z } from "zod";
import { type ErrorCode, MeshproofError } from "./errors.ts";
import type { ReadOnly } from "./read-only.ts";

/** The type of a record, inferred from its schema. */
export type Infer<S extends z.ZodType> = ReadOnly<z.infer<S>>;

/** How one kind of record is read: its schema, and those of the versions before. */
export interface RecordFormat<T> {
  readonly schema: z.ZodType<T>;
  /** The key that holds the version, as a number (`version: 2`) or at the end of a name (`format: history/2`). */
  readonly version?: { readonly key: string; readonly current: number };
  /** By version, 0 for files that name none: the schema of that time, which turns what it read into a record of today. */
  readonly older?: Readonly<Record<number, z.ZodType<T>>>;
}

/** What the reader of a message needs to find the record and to go on without it. */
export interface RecordSource {
  /** The record and its place, as the subject of a sentence: `the state of lab x (/path/state.json)`. */
  readonly what: string;
  /** What to do where it cannot be read: a sentence without its full stop. */
  readonly remedy: string;
  /** Of a malformed record; `config-invalid` by default. */
  readonly code?: ErrorCode;
  /** Of text that is not JSON, where that is another. */
  readonly notJsonCode?: ErrorCode;
}

/** The record in a JSON text. Throws as `checkRecord` does, and where the text is not JSON. */
export function parseRecord<T>(text: string, format: RecordFormat<T>, source: RecordSource): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MeshproofError(
      source.notJsonCode ?? source.code ?? "config-invalid",
      `${source.what} is not JSON`,
      {
        cause: error,
        remedy: source.remedy,
      },
    );
  }
  return checkRecord(value, format, source);
}

/**
 * The record that a value is. One of an older version is migrated; `config-conflict` where that cannot be done and for a
 * newer version, `source.code` for what is no such record. Every message names the record, and what of it is wrong.
 */
export function checkRecord<T>(
  value: unknown,
  { schema, version, older = {} }: RecordFormat<T>,
  source: RecordSource,
): T {
  const refuse = (code: ErrorCode, why: string, remedy = source.remedy): never => {
    throw new MeshproofError(code, `${source.what} ${why}`, { remedy: remedy });
  };
  const found = version === undefined ? undefined : versionOf(value, version.key);
  if (version !== undefined && found !== undefined && found > version.current)
    return refuse(
      "config-conflict",
      `was written by a newer Meshproof (${version.key} ${found}; this one reads up to ${version.current})`,
      `use the Meshproof that wrote it, or ${source.remedy}`,
    );
  const migrating = found === undefined || found === version?.current ? undefined : older[found];
  const result = (migrating ?? schema).safeParse(value);
  if (result.success) return result.data;
  const issues = issuesOf(result.error, value);
  const isOlder = migrating !== undefined || ((found ?? 0) > 0 && found !== version?.current);
  return isOlder
    ? refuse(
        "config-conflict",
        `was written by an older Meshproof and cannot be used by this one (${issues})`,
      )
    : refuse(source.code ?? "config-invalid", `is malformed: ${issues}`);
}

/** 0 where an object names none; undefined for what is no object. */
function versionOf(value: unknown, key: string): number | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const found = (value as Readonly<Record<string, unknown>>)[key];
  if (typeof found === "number") return found;
  const digits = typeof found === "string" ? /\d+$/.exec(found) : null;
  return digits === null ? 0 : Number(digits[0]);
}

/** What is wrong with a value, each with its place and what was found there; the first few. */
export function issuesOf(error: z.ZodError, value: unknown, most = 3): string {
  const reported = error.issues
    .slice(0, most)
    .map((issue) => `${issue.path.join(".") || "(top)"}: ${messageOfIssue(issue, value)}`);
  const more = error.issues.length - reported.length;
  return [...reported, ...(more > 0 ? [`and ${more} more`] : [])].join("; ");
}

/** Other values than those of a choice are not repeated: records hold keys. */
function messageOfIssue(issue: z.core.$ZodIssue, value: unknown): string {
  const message = issue.message
    .replace(/^Invalid input: expected/, "expected")
    .replace(/received undefined$/, "found nothing")
    .replace(/received/, "found");
  if (issue.code !== "invalid_value" && !(issue.code === "invalid_union" && issue.errors.length === 0))
    return message;
  const at = issue.path.reduce<unknown>(
    (inner, key) => (inner as Readonly<Record<PropertyKey, unknown>> | undefined)?.[key],
    value,
  );
  const found = typeof at === "object" && at !== null ? typeof at : JSON.stringify(at);
  return `${message}, found ${found === undefined ? "nothing" : found.slice(0, 40)}`;
}
