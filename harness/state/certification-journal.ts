import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { UpgradePair } from "#harness/config/upgrade-matrix.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import type { PhaseRecord } from "#harness/model/certificate.ts";
import { writeAtomic } from "#harness/platform/paths.ts";
import { labDir } from "./lab.ts";

type Values = Readonly<Record<string, unknown>>;

/** What was asked for: one that goes on later keeps to it. */
export interface CertifySettings {
  readonly order: readonly string[];
  readonly skipRollback: boolean;
  /** Those of the first and the last version. */
  readonly suites: readonly string[];
  /** In every phase in which nothing moves. */
  readonly full: boolean;
  /** Laid over the new version alone. */
  readonly newValues: Values;
  readonly preflight: boolean;
  /** For moving one cluster. */
  readonly deadlineMs: number;
}

/** What a certification has behind it; written after every phase, and when one begins. */
export interface Journal {
  readonly pair: UpgradePair;
  readonly settings: CertifySettings;
  readonly runId: string;
  /** The command that a reader can repeat. */
  readonly command: string;
  /** Helm values of each cluster's release before the upgrade: what a roll-back goes back to. With keys. */
  readonly given: Readonly<Record<string, Values>>;
  readonly findings: readonly string[];
  readonly done: readonly PhaseRecord[];
  /** The phase that has begun and is not done. */
  readonly current: string;
  /** Up to when the captures were judged; null before there were any. */
  readonly watchedUntilUnixMs: number | null;
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
      cure: `run \`${meshCommand("down", "--lab", lab)}\``,
    });
  }
}

/** Labs whose certification this process is at. */
const mine = new Set<string>();

/** This process goes on with it: nothing is stranded then. */
export const claimJournal = (lab: string): void => void mine.add(lab);

export async function writeJournal(lab: string, journal: Journal): Promise<void> {
  claimJournal(lab);
  await writeAtomic(fileOf(lab), JSON.stringify(journal), 0o600);
}

/** Says of a certification that was cut off where it stopped. To be called under the lab's lock: nobody is at it then. */
export async function tellStranded(lab: string, say: (line: string) => void): Promise<void> {
  const journal = mine.has(lab) ? undefined : await readJournal(lab);
  if (journal !== undefined)
    say(
      `${whereItIs(lab, journal)}: \`${meshCommand("certify", "--resume", "--lab", lab)}\` goes on, \`${meshCommand("down", "--lab", lab)}\` cleans up`,
    );
}

export const forgetJournal = (lab: string): Promise<void> => rm(fileOf(lab), { force: true });

/** Where a certification is, or stopped, for whoever meets its lab. */
export const whereItIs = (lab: string, { pair, current, done }: Journal): string =>
  `the certification of ${pair.from} to ${pair.to} in lab ${lab} got to phase "${current}", with ${done.length === 0 ? "none" : done.map((p) => `"${p.name}"`).join(", ")} behind it`;
