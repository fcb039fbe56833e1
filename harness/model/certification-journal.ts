import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { phaseSchema } from "./certificate.ts";

const version = z.string().regex(/^\d+\.\d+\.\d+$/, "a version such as 1.19.4, in quotes");
export const upgradePairSchema = z.strictObject({ from: version, to: version });
export type UpgradePair = Infer<typeof upgradePairSchema>;

const valuesSchema = z.record(z.string(), z.unknown());

const journalFields = {
  pair: upgradePairSchema,
  /** The requested settings; a resumed certification keeps them. */
  settings: z.object({
    order: z.array(z.string()),
    skipRollback: z.boolean(),
    /** The suites that run on the first and on the last version. */
    suites: z.array(z.string()),
    /** Whether the suites run in every phase without an upgrade. */
    full: z.boolean(),
    /** Additional Helm values of the new version. */
    newValues: valuesSchema,
    preflight: z.boolean(),
    /** Deadline for upgrading one cluster. */
    deadlineMs: z.number(),
  }),
  runId: z.string(),
  /** The command that repeats the certification. */
  command: z.string(),
  /** Helm values of each cluster's release before the upgrade, for the roll-back. They contain private keys. */
  given: z.record(z.string(), valuesSchema),
  findings: z.array(z.string()),
  done: z.array(phaseSchema),
  /** The phase that has started and is not finished. */
  current: z.string(),
  /** The time up to which captures were judged; null before the first capture. */
  watchedUntilUnixMs: z.number().nullable(),
};
const journalSchema = z.object({ version: z.literal(1), ...journalFields });
/** The progress of a certification; written at the start and at the end of every phase. */
export type CertificationJournal = Infer<typeof journalSchema>;

export const certificationJournalFormat: RecordFormat<CertificationJournal> = {
  schema: journalSchema,
  version: { key: "version", current: 1 },
  older: {
    // Journals without a version. Some also have `madeLab`, which is now in the lab's state.
    0: z.object(journalFields).transform((journal) => ({ version: 1 as const, ...journal })),
  },
};
