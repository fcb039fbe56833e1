import { parseAllDocuments, parse as parseYaml } from "yaml";
import type { z } from "zod";
import { MeshproofError } from "#harness/lib/errors.ts";
import { syntaxProblem } from "#harness/lib/syntax-problem.ts";
import { readUserFile } from "./user-file.ts";

/** `what` is where the file was named, such as `--lab-file`. */
export async function readYaml(path: string, what: string): Promise<unknown> {
  return parsing(path, what, readUserFile(path, what), (text) => parseYaml(text, { logLevel: "error" }));
}

/** A file of several documents; empty ones are left out. */
export async function readYamlDocuments(path: string, what: string): Promise<unknown[]> {
  return parsing(path, what, readUserFile(path, what), (text) =>
    parseAllDocuments(text)
      .map((d) => {
        if (d.errors[0] !== undefined) throw d.errors[0];
        return d.toJS() as unknown;
      })
      .filter((d) => d !== null),
  );
}

/** Runs a YAML parser; its errors become `config-invalid` with the file and the place. */
export function parsing<T>(path: string, what: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (error) {
    throw new MeshproofError("config-invalid", `${path} (${what}) is not YAML: ${syntaxProblem(error)}`, {
      remedy: "correct the file",
    });
  }
}

/** Parses a value with a schema; the error lists every issue with its place. */
export function validate<T>(
  schema: z.ZodType<T>,
  value: unknown,
  path: string,
  remedy = "see kind-configs/lab.yaml for a valid file",
): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const places = result.error.issues.map((issue) => `${issue.path.join(".") || "(top)"}: ${issue.message}`);
  throw new MeshproofError("config-invalid", `${path}: ${places.join("; ")}`, { remedy });
}
