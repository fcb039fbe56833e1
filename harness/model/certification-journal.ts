import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { phaseSchema } from "./certificate.ts";

const version = z.string().regex(/^\d+\.\d+\.\d+$/, "a version such as 1.19.4, in quotes");
export const upgradePairSchema = z.strictObject({ from: version, to: version });
export type UpgradePair = Infer<typeof upgradePairSchema>;

const valuesSchema = z.record(z.string(), z.unknown());

const journalFields = {
  pair: upgradePairSchema,
  /** What was asked for: one that goes on later keeps to it. */
  settings: z.object({
    order: z.array(z.string()),
    skipRollback: z.boolean(),
    /** Those of the first and the last version. */
    suites: z.array(z.string()),
    /** In every phase in which nothing moves. */
    full: z.boolean(),
    /** Laid over the new version alone. */
    newValues: valuesSchema,
    preflight: z.boolean(),
    /** For moving one cluster. */
    deadlineMs: z.number(),
  }),
  runId: z.string(),
  /** The command that a reader can repeat. */
  command: z.string(),
  /** Helm values of each cluster's release before the upgrade: what a roll-back goes back to. With keys. */
  given: z.record(z.string(), valuesSchema),
  findings: z.array(z.string()),
  done: z.array(phaseSchema),
  /** The phase that has begun and is not done. */
  current: z.string(),
  /** Up to when the captures were judged; null before there were any. */
  watchedUntilUnixMs: z.number().nullable(),
};
const journalSchema = z.object({ version: z.literal(1), ...journalFields });
/** What a certification has behind it; written after every phase, and when one begins. */
export type CertificationJournal = Infer<typeof journalSchema>;

export const certificationJournalFormat: RecordFormat<CertificationJournal> = {
  schema: journalSchema,
  version: { key: "version", current: 1 },
  older: {
    // Of before there were versions. Those whose labs had no owner say `madeLab` too, which the lab's own state tells since.
    0: z.object(journalFields).transform((journal) => ({ version: 1 as const, ...journal })),
  },
};
