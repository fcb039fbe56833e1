import type { z } from "zod";
import { type ErrorCode, MeshproofError } from "./errors.ts";
import type { ReadOnly } from "./read-only.ts";

/** The type of a record, inferred from its schema. */
export type Infer<S extends z.ZodType> = ReadOnly<z.infer<S>>;

/** How one kind of record is read: its schema, and those of older versions. */
export interface RecordFormat<T> {
  readonly schema: z.ZodType<T>;
  /** The key that holds the version, as a number (`version: 2`) or at the end of a name (`format: history/2`). */
  readonly version?: { readonly key: string; readonly current: number };
  /** Schemas of older versions, which convert to the current record. Version 0 is for files without a version. */
  readonly older?: Readonly<Record<number, z.ZodType<T>>>;
}

/** What the reader of an error message needs: where the record is, and what to do without it. */
export interface RecordSource {
  /** The record and its place, as the subject of a sentence: `the state of lab x (/path/state.json)`. */
  readonly what: string;
  /** What to do if it cannot be read: a sentence without a full stop. */
  readonly remedy: string;
  /** The error code for a malformed record; `config-invalid` by default. */
  readonly code?: ErrorCode;
  /** The error code for text that is not JSON; `code` by default. */
  readonly notJsonCode?: ErrorCode;
}

/** Parses and checks a record. Throws like `checkRecord`, and if the text is not JSON. */
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
 * Checks that a value is a record, and migrates older versions. Throws `config-conflict` for a newer version or a failed
 * migration, and `source.code` for any other value. The message contains the record's place and what is wrong.
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

/** 0 for an object without a version; undefined for a value that is not an object. */
function versionOf(value: unknown, key: string): number | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const found = (value as Readonly<Record<string, unknown>>)[key];
  if (typeof found === "number") return found;
  const digits = typeof found === "string" ? /\d+$/.exec(found) : null;
  return digits === null ? 0 : Number(digits[0]);
}

/** The first issues of a value, each with its place and what was found there. */
export function issuesOf(error: z.ZodError, value: unknown, most = 3): string {
  const reported = error.issues
    .slice(0, most)
    .map((issue) => `${issue.path.join(".") || "(top)"}: ${messageOfIssue(issue, value)}`);
  const more = error.issues.length - reported.length;
  return [...reported, ...(more > 0 ? [`and ${more} more`] : [])].join("; ");
}

/** Only values of a choice are quoted: other values may be keys. */
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
