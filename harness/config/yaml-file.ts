import { readFile } from "node:fs/promises";
import { parseAllDocuments, parse as parseYaml } from "yaml";
import type { z } from "zod";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";

export async function readYaml(path: string): Promise<unknown> {
  const text = await readText(path);
  try {
    return parseYaml(text);
  } catch (error) {
    throw new MeshproofError("config-invalid", `${path} is not YAML: ${messageOf(error)}`, {
      cure: "mend the file",
      cause: error,
    });
  }
}

/** A file of several documents; empty ones are left out. */
export async function readYamlDocuments(path: string): Promise<unknown[]> {
  const documents = parseAllDocuments(await readText(path));
  return documents
    .map((d) => {
      if (d.errors.length > 0)
        throw new MeshproofError("config-invalid", `${path} is not YAML: ${messageOf(d.errors[0])}`, {
          cure: "mend the file",
        });
      return d.toJS() as unknown;
    })
    .filter((d) => d !== null);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new MeshproofError("config-invalid", `cannot read ${path}: ${messageOf(error)}`, {
      cure: "check the path",
      cause: error,
    });
  }
}

/** The value as the schema has it; every fault of it is told with its place. */
export function validate<T>(
  schema: z.ZodType<T>,
  value: unknown,
  path: string,
  cure = "see kind-configs/lab.yaml for a file that works",
): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const places = result.error.issues.map((issue) => `${issue.path.join(".") || "(top)"}: ${issue.message}`);
  throw new MeshproofError("config-invalid", `${path}: ${places.join("; ")}`, { cure });
}
