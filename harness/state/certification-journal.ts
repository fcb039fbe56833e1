import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "#harness/lib/errors.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import {
  type CertificationJournal,
  certificationJournalFormat,
} from "#harness/model/certification-journal.ts";
import { writeAtomic } from "#harness/platform/paths.ts";
import { labDir } from "./lab.ts";

const fileOf = (lab: string): string => join(labDir(lab), "certify.json");

/** Undefined where no certification was begun; throws for a journal that this Meshproof cannot go on by. */
export async function readCertification(lab: string): Promise<CertificationJournal | undefined> {
  const file = fileOf(lab);
  const text = await readFile(file, "utf8").catch(() => undefined);
  return text === undefined
    ? undefined
    : parseRecord(text, certificationJournalFormat, {
        what: `the certification journal of lab ${lab} (${file})`,
        remedy: `run \`${meshCommand("down", "--lab", lab)}\`, then certify again`,
        notJsonCode: "lab-broken",
      });
}

/** Labs whose certification this process is at. */
const claimed = new Set<string>();

/** This process goes on with it: nothing is stranded then. */
export const claimCertification = (lab: string): void => void claimed.add(lab);

export async function writeCertification(lab: string, journal: CertificationJournal): Promise<void> {
  claimCertification(lab);
  await writeAtomic(fileOf(lab), JSON.stringify(journal), 0o600);
}

/** Says of a certification that was cut off where it stopped. To be called under the lab's lock: nobody is at it then. */
export async function reportInterrupted(lab: string, say: (line: string) => void): Promise<void> {
  if (claimed.has(lab)) return;
  const cleansUp = `\`${meshCommand("down", "--lab", lab)}\` cleans up`;
  try {
    const journal = await readCertification(lab);
    if (journal !== undefined)
      say(
        `${whereItIs(lab, journal)}: \`${meshCommand("certify", "--resume", "--lab", lab)}\` goes on, ${cleansUp}`,
      );
  } catch (error) {
    // Who does not mean to go on with it is not held up by it.
    say(`${messageOf(error)}: ${cleansUp}`);
  }
}

/** Whether a certification was begun and not ended, whatever its journal says. */
export const hasCertification = async (lab: string): Promise<boolean> =>
  (await stat(fileOf(lab)).catch(() => undefined)) !== undefined;

/** Where a lab's certification is, or why its journal does not say it; undefined where there is none. */
export async function certificationOf(lab: string): Promise<string | undefined> {
  try {
    const journal = await readCertification(lab);
    return journal === undefined ? undefined : whereItIs(lab, journal);
  } catch (error) {
    return messageOf(error);
  }
}

export const forgetCertification = (lab: string): Promise<void> => rm(fileOf(lab), { force: true });

/** Where a certification is, or stopped, for whoever meets its lab. */
export const whereItIs = (lab: string, { pair, current, done }: CertificationJournal): string =>
  `the certification of ${pair.from} to ${pair.to} in lab ${lab} got to phase "${current}", with ${done.length === 0 ? "none" : done.map((p) => `"${p.name}"`).join(", ")} behind it`;
