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

/** Undefined if there is no certification; throws for a journal that this version of Meshproof cannot resume. */
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

/** Labs whose certification this process is running. */
const claimed = new Set<string>();

/** Marks the certification as running in this process, so that it is not reported as interrupted. */
export const claimCertification = (lab: string): void => void claimed.add(lab);

export async function writeCertification(lab: string, journal: CertificationJournal): Promise<void> {
  claimCertification(lab);
  await writeAtomic(fileOf(lab), JSON.stringify(journal), 0o600);
}

/** Reports where an interrupted certification stopped. Call it under the lab's lock, when no process is running one. */
export async function reportInterrupted(lab: string, say: (line: string) => void): Promise<void> {
  if (claimed.has(lab)) return;
  const cleanUp = `\`${meshCommand("down", "--lab", lab)}\` to clean up`;
  try {
    const journal = await readCertification(lab);
    if (journal !== undefined)
      say(
        `${whereItIs(lab, journal)}: run \`${meshCommand("certify", "--resume", "--lab", lab)}\` to resume, or ${cleanUp}`,
      );
  } catch (error) {
    // An unreadable journal must not stop a command that does not resume it.
    say(`${messageOf(error)}: run ${cleanUp}`);
  }
}

/** Whether there is an unfinished certification, even if its journal cannot be read. */
export const hasCertification = async (lab: string): Promise<boolean> =>
  (await stat(fileOf(lab)).catch(() => undefined)) !== undefined;

/** Progress of a lab's certification, or why its journal cannot be read; undefined if there is none. */
export async function certificationOf(lab: string): Promise<string | undefined> {
  try {
    const journal = await readCertification(lab);
    return journal === undefined ? undefined : whereItIs(lab, journal);
  } catch (error) {
    return messageOf(error);
  }
}

export const forgetCertification = (lab: string): Promise<void> => rm(fileOf(lab), { force: true });

type Place = Pick<
  CertificationJournal,
  "pair" | "cycle" | "cycles" | "current" | "done" | "suiteWindows" | "startedAtUnixMs"
>;

/** Describes the progress of a running or interrupted certification. */
export function whereItIs(
  lab: string,
  { pair, cycle, cycles, current, done, suiteWindows, startedAtUnixMs }: Place,
): string {
  const finished = [...done, ...suiteWindows].sort((a, b) => a.startMs - b.startMs);
  // The first phase is current from the beginning on, also while the traffic starts.
  const at = startedAtUnixMs === null ? "before its baseline" : `phase "${current}"`;
  return [
    `the certification of ${pair.from} to ${pair.to} in lab ${lab} is in cycle ${cycle} of ${cycles}, ${at}`,
    `finished phases: ${finished.length === 0 ? "none" : finished.map((p) => `"${p.name}"`).join(", ")}`,
  ].join("; ");
}
