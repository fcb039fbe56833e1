import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { interruptionSchema, phaseSchema, suiteWindowSchema } from "./certificate.ts";
import { certificateFindingSchema } from "./certificate-finding.ts";
import { cycleSettingSchema } from "./certification-cycle.ts";
import { sourceTrees } from "./measurement.ts";
import { persistentStateSchema } from "./persistent-state.ts";

const version = z.string().regex(/^\d+\.\d+\.\d+$/, "a version such as 1.19.4, in quotes");
export const upgradePairSchema = z.strictObject({ from: version, to: version });
export type UpgradePair = Infer<typeof upgradePairSchema>;

const valuesSchema = z.record(z.string(), z.unknown());

/** The requested settings; a resumed certification keeps them. */
export const certificationSettingsSchema = z.object({
  order: z.array(z.string()),
  /** Whether the clusters are also upgraded in the opposite order, in the same cycle. */
  bothOrders: z.boolean(),
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
  /** Whether upgrades are disturbed on purpose. */
  disturb: z.boolean(),
  /** Failures of tests that do not count. */
  accept: z.array(z.string()),
});
export type CertificationSettings = Infer<typeof certificationSettingsSchema>;

/** Only cycles of equal setting and sources, from different labs, make one certificate. */
export const cycleIdentitySchema = z.object({
  lab: z.string(),
  setting: cycleSettingSchema,
  settingHash: z.string(),
  sourceHash: z.string(),
  sourceTree: z.enum(sourceTrees),
  calibrationMs: z.number().exactOptional(),
});
export type CycleIdentity = Infer<typeof cycleIdentitySchema>;

const crdStateSchema = z.object({
  name: z.string(),
  stored: z.array(z.string()),
  versions: z.array(z.string()).exactOptional(),
});

const beginningSchema = z.object({
  /** What must survive every move. */
  persistent: z.record(z.string(), persistentStateSchema),
  /** Whether a policy without a cluster label selected pods of its own cluster only. */
  selectsOwnCluster: z.record(z.string(), z.boolean()),
  crds: z.record(z.string(), z.array(crdStateSchema)),
});
/** Each cluster's state when the traffic of a cycle began, before anything moved; every map is keyed by cluster name. */
export type CycleBeginning = Infer<typeof beginningSchema>;

const journalSchema = z.object({
  version: z.literal(3),
  pair: upgradePairSchema,
  settings: certificationSettingsSchema,
  runId: z.string(),
  /** The command that repeats the certification. */
  command: z.string(),
  /** Its number, from 1 on, and how many there will be. */
  cycle: z.number().int(),
  cycles: z.number().int(),
  identity: cycleIdentitySchema.nullable(),
  /** When its traffic began; null before. */
  startedAtUnixMs: z.number().nullable(),
  /** What the whole cycle is compared with, also after it was resumed; null before its traffic began. */
  beginning: beginningSchema.nullable(),
  /** What differed from it at the end of the last phase: this was reported. */
  differing: z.array(z.string()),
  /** Helm values of each cluster's release before the upgrade, for the roll-back. They contain private keys. */
  given: z.record(z.string(), valuesSchema),
  /** Of the upgrade, and of the opposite move. */
  findings: z.object({
    forth: z.array(certificateFindingSchema),
    back: z.array(certificateFindingSchema),
  }),
  done: z.array(phaseSchema),
  suiteWindows: z.array(suiteWindowSchema),
  interruptions: z.array(interruptionSchema),
  /** The phase that has started and is not finished. */
  current: z.string(),
  /** Until when the cycle was recorded: the end of the last phase or window of suites. */
  recordedUntilUnixMs: z.number().nullable(),
  /** The time up to which captures were judged; null before the first capture. */
  watchedUntilUnixMs: z.number().nullable(),
});
/** The progress of a cycle; written at the start and at the end of every phase. */
export type CertificationJournal = Infer<typeof journalSchema>;

/**
 * Journals of version 1 are of phases that were measured in part only, and those of version 2 do not hold the state in
 * which the cycle began, so neither is resumed.
 */
export const certificationJournalFormat: RecordFormat<CertificationJournal> = {
  schema: journalSchema,
  version: { key: "version", current: 3 },
  // Refused like the others, as older.
  older: { 0: journalSchema },
};
