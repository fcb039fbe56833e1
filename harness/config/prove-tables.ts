import { glob } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { readYaml, validate } from "./yaml-file.ts";

const tableSchema = z.record(
  z.string(),
  z
    .strictObject({
      mustFail: z.array(z.string()).default([]),
      mustPass: z.array(z.string()).default([]),
      mayFail: z.array(z.string()).default([]),
    })
    .refine(({ mustFail, mustPass }) => mustFail.length + mustPass.length > 0, {
      message:
        "leave out a fault that makes no test of this suite fail, and stays within no threshold of one",
    }),
);
/** Fault to its expected effect on the suite. */
export type ProveTable = z.infer<typeof tableSchema>;

/** The fault table of each suite, `<suitesDir>/<suite>/<suite>.faults.yaml`; long suites do not have one. */
export async function readProveTables(suitesDir: string): Promise<ReadonlyMap<string, ProveTable>> {
  const tables = new Map<string, ProveTable>();
  for (const file of (await Array.fromAsync(glob("*/*.faults.yaml", { cwd: suitesDir }))).sort()) {
    const path = join(suitesDir, file);
    const suite = basename(file, ".faults.yaml");
    tables.set(
      suite,
      validate(tableSchema, await readYaml(path, "a fault table"), path, "see the other tables in suites/"),
    );
  }
  return tables;
}
