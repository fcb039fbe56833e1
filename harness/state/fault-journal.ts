import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseRecord } from "#harness/lib/records.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import { type JournalEntry, journalEntryFormat } from "#harness/model/undo.ts";
import { writeAtomic } from "#harness/platform/paths.ts";
import { labDir } from "./lab.ts";

const journalDir = (lab: string): string => join(labDir(lab), "faults");
const fileOf = (lab: string, id: string): string => join(journalDir(lab), `${id}.json`);

/** The entry is on disk when this returns, so that it survives a kill of the process. */
export async function writeFaultJournal(lab: string, entry: JournalEntry): Promise<void> {
  await writeAtomic(fileOf(lab, entry.id), `${JSON.stringify(entry)}\n`, 0o600);
}

export async function removeFromJournal(lab: string, id: string): Promise<void> {
  await rm(fileOf(lab, id), { force: true });
}

/** Faults that are not healed yet, oldest first. */
export async function readFaultJournal(lab: string): Promise<JournalEntry[]> {
  const entries: JournalEntry[] = [];
  for (const name of await readdir(journalDir(lab)).catch(() => [])) {
    if (!name.endsWith(".json")) continue;
    const file = join(journalDir(lab), name);
    entries.push(
      parseRecord(await readFile(file, "utf8"), journalEntryFormat, {
        what: `an entry in the fault journal of lab ${lab} (${file})`,
        remedy: `run \`${meshCommand("down", "--lab", lab)}\``,
        notJsonCode: "lab-broken",
      }),
    );
  }
  return entries.sort((a, b) => (a.injectedAt < b.injectedAt ? -1 : 1));
}
