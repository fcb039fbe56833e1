import { join } from "node:path";
import semver from "semver";
import { z } from "zod";
import { MeshproofError } from "#harness/lib/errors.ts";
import {
  type KnownDefect,
  knownDefectSchema,
  type UntestedDefect,
  untestedDefectSchema,
} from "#harness/model/known-defect.ts";
import { readYaml, validate } from "./yaml-file.ts";

/** The defects of Cilium that tests show. Throws `config-invalid` for an entry that cannot be right. */
export const readKnownDefects = (suitesDir: string): Promise<readonly KnownDefect[]> =>
  readList(join(suitesDir, "known-defects.yaml"), knownDefectSchema);

/** Those that no test shows, with security advisories. Throws `config-invalid` for an entry that cannot be right. */
export const readUntestedDefects = (suitesDir: string): Promise<readonly UntestedDefect[]> =>
  readList(join(suitesDir, "untested-defects.yaml"), untestedDefectSchema);

type Entry = Pick<KnownDefect, "id" | "affected" | "fixedIn">;

async function readList<T extends Entry>(path: string, schema: z.ZodType<T>): Promise<readonly T[]> {
  const defects = validate(
    z.array(schema),
    await readYaml(path, "known defects"),
    path,
    "see the other entries of the file",
  );
  const seen = new Set<string>();
  for (const { id, affected, fixedIn } of defects) {
    const wrong =
      (seen.has(id) ? "its id is used twice" : undefined) ??
      affected.filter((r) => semver.validRange(r) === null).map((r) => `${r} is no range of versions`)[0] ??
      fixedIn
        .filter((v) => affected.some((r) => semver.satisfies(v, r)))
        .map((v) => `${v} is both affected and fixed`)[0];
    if (wrong !== undefined)
      throw new MeshproofError("config-invalid", `${path}: ${id}: ${wrong}`, { remedy: "correct the entry" });
    seen.add(id);
  }
  return defects;
}

/** Refuses what `--accept` cannot mean: a slip must not look like an accepted failure. */
export function checkAccepted(
  accepted: readonly string[],
  defects: readonly KnownDefect[],
  titles: readonly string[],
): void {
  for (const name of accepted) {
    if (defects.some((d) => d.id === name) || titles.includes(name)) continue;
    throw new MeshproofError(
      "usage",
      `--accept ${name} names neither a known defect nor a test of any suite`,
      {
        remedy: `give a defect's id (${defects.map((d) => d.id).join(", ") || "there is none"}) or a test in full: 'suite > title'`,
      },
    );
  }
}
