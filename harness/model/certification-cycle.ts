import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { certificateSchema, interruptionSchema, phaseSchema, suiteWindowSchema } from "./certificate.ts";
import { certificateFindingSchema } from "./certificate-finding.ts";
import { sourceTrees } from "./measurement.ts";
import { settingRecordSchema } from "./setting.ts";

/** Everything that can change a cycle's result, besides the sources. */
export const cycleSettingSchema = z.object({
  lab: settingRecordSchema,
  /** Hash of the values that only the new version has: they may be private. */
  newValues: z.string(),
  newComponents: z.record(z.string(), z.string()),
  order: z.array(z.string()),
  bothOrders: z.boolean(),
  skipRollback: z.boolean(),
  disturb: z.boolean(),
  deadlineMs: z.number(),
});
export type CycleSetting = Infer<typeof cycleSettingSchema>;

const { order, profile, kernel, machine, clusters, images, substitutions, budgets, command, harness } =
  certificateSchema.shape;

export const cycleRecordSchema = z.object({
  schema: z.literal(1),
  /** By which rules it was measured. */
  method: z.number().int(),
  from: z.string(),
  to: z.string(),
  runId: z.string(),
  /** Its number in the run, from 1 on. */
  cycle: z.number().int(),
  /** How many cycles the run was to have. */
  cycles: z.number().int(),
  date: z.string(),
  lab: z.string(),
  settingHash: z.string(),
  /** What the hash is of; absent if the cycle failed before its traffic began. */
  setting: cycleSettingSchema.exactOptional(),
  sourceHash: z.string(),
  sourceTree: z.enum(sourceTrees),
  calibrationMs: z.number().exactOptional(),
  /** Of the upgrade, and of the opposite move. */
  findings: z.object({
    forth: z.array(certificateFindingSchema),
    back: z.array(certificateFindingSchema),
  }),
  ...{ order, command, harness, profile, kernel, machine, clusters, images, substitutions, budgets },
  phases: z.array(phaseSchema),
  suiteWindows: z.array(suiteWindowSchema),
  interruptions: z.array(interruptionSchema),
});
/** One cycle of upgrades and moves back in one lab: `cycle.json`. */
export type CycleRecord = Infer<typeof cycleRecordSchema>;

export const cycleRecordFormat: RecordFormat<CycleRecord> = {
  schema: cycleRecordSchema,
  version: { key: "schema", current: 1 },
};
