import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { readYaml, validate } from "./yaml-file.ts";

const tableSchema = z.record(
  z.string(),
  z.strictObject({
    kills: z.array(z.string()).min(1, "a fault that kills nothing here is left out"),
    may: z.array(z.string()).default([]),
  }),
);
/** Fault to what it does to the suite. */
export type ProveTable = z.infer<typeof tableSchema>;

/** The table beside each suite, `suites/<suite>.prove.yaml`. */
export async function readProveTables(suitesDir: string): Promise<ReadonlyMap<string, ProveTable>> {
  const tables = new Map<string, ProveTable>();
  for (const name of (await readdir(suitesDir)).sort()) {
    const suite = /^(.*)\.prove\.yaml$/.exec(name)?.[1];
    if (suite === undefined) continue;
    const path = join(suitesDir, name);
    tables.set(
      suite,
      validate(tableSchema, await readYaml(path, "a fault table"), path, "see the other tables in suites/"),
    );
  }
  return tables;
}
