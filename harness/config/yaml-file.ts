import { readFile } from "node:fs/promises";
import { parse as parseYaml } from "yaml";
import type { z } from "zod";
import { MeshproofError, messageOf } from "#harness/core/errors.ts";

export async function readYaml(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new MeshproofError("config-invalid", `cannot read ${path}: ${messageOf(error)}`, {
      cure: "check the path",
      cause: error,
    });
  }
  try {
    return parseYaml(text);
  } catch (error) {
    throw new MeshproofError("config-invalid", `${path} is not YAML: ${messageOf(error)}`, {
      cure: "mend the file",
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
