import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { PhaseRecord } from "#harness/core/certificate.ts";
import { MeshproofError } from "#harness/core/errors.ts";
import { writeAtomic } from "#harness/host/paths.ts";
import { labDir } from "#harness/lab/lab.ts";

/** What a certification has behind it; written after every phase, and when one begins. */
export interface Journal {
  readonly from: string;
  readonly to: string;
  readonly order: readonly string[];
  readonly skipRollback: boolean;
  readonly full: boolean;
  readonly runId: string;
  readonly startedAt: string;
  /** Helm values of each cluster's release before the upgrade: what a roll-back goes back to. With keys. */
  readonly given: Readonly<Record<string, Record<string, unknown>>>;
  readonly findings: readonly string[];
  readonly done: readonly PhaseRecord[];
  /** The phase that has begun and is not done. */
  readonly current: string;
}

const fileOf = (lab: string): string => join(labDir(lab), "certify.json");

export async function readJournal(lab: string): Promise<Journal | undefined> {
  const text = await readFile(fileOf(lab), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Journal;
  } catch (error) {
    throw new MeshproofError("lab-broken", `the certification's journal of lab ${lab} is not JSON`, {
      cause: error,
      cure: `run \`npm run mesh -- down --lab ${lab}\``,
    });
  }
}

/** Labs whose certification this process is at. */
const mine = new Set<string>();

export async function writeJournal(lab: string, journal: Journal): Promise<void> {
  mine.add(lab);
  await writeAtomic(fileOf(lab), JSON.stringify(journal), 0o600);
}

/** Says of a certification that was cut off where it stopped. To be called under the lab's lock: nobody is at it then. */
export async function tellStranded(lab: string, say: (line: string) => void): Promise<void> {
  const journal = mine.has(lab) ? undefined : await readJournal(lab);
  if (journal !== undefined)
    say(`${whereItIs(lab, journal)}: \`certify --resume\` goes on, \`down --lab ${lab}\` cleans up`);
}

export const forgetJournal = (lab: string): Promise<void> => rm(fileOf(lab), { force: true });

/** Where a certification is, or stopped, for whoever meets its lab. */
export const whereItIs = (lab: string, j: Journal): string =>
  `the certification of ${j.from} to ${j.to} in lab ${lab} got to phase "${j.current}", with ${j.done.length === 0 ? "none" : j.done.map((p) => `"${p.name}"`).join(", ")} behind it`;
