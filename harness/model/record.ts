import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { provenanceSchema } from "./artifacts.ts";
import { findingSchema } from "./finding.ts";
import { healthCellSchema } from "./health-cell.ts";
import { killMatrixSchema } from "./kill-matrix.ts";
import { type Measurement, measurementSchema } from "./measurement.ts";
import { outcomes } from "./verdict.ts";

const notesSchema = z.object({
  facts: z.record(z.string(), z.union([z.number(), z.string(), z.boolean(), z.null()])).exactOptional(),
  /** Files under `histories/`, by name. */
  histories: z.array(z.string()).exactOptional(),
  healthCells: z.array(healthCellSchema).exactOptional(),
  measurement: measurementSchema
    .omit({ outcome: true })
    .exactOptional()
    .describe("One measured disturbance; the test's outcome is its own."),
  fault: z
    .object({ name: z.string(), subject: z.string(), names: z.array(z.string()) })
    .exactOptional()
    .describe("The fault that was in force; a failing test's message holds one of its names."),
  unsupported: z
    .object({ capability: z.string(), reason: z.string() })
    .exactOptional()
    .describe("The capability that is missing: what makes a test `unsupported`."),
  skipped: z.string().exactOptional().describe("Why the test was left out."),
});
/** What a test leaves for the report, beside its verdict; travels as JSON, and grows while the test goes. */
export type TestNotes = Omit<z.infer<typeof notesSchema>, "measurement"> & {
  measurement?: Omit<Measurement, "outcome">;
};

const testSchema = z.object({
  suite: z.string(),
  name: z.string(),
  outcome: z.enum(outcomes),
  /** Why, for everything but a pass. */
  reasons: z.array(z.string()),
  durationMs: z.number(),
  notes: notesSchema,
  error: z
    .object({ code: z.string(), remedy: z.string().exactOptional() })
    .exactOptional()
    .describe("Of suite `meshproof` alone: the error that ended the command before its time."),
  spec: z
    .string()
    .exactOptional()
    .describe("The documentation, or the section of a KEP, that promises what the test checks."),
});
export type TestRecord = Infer<typeof testSchema>;

const suiteSchema = z.object({
  name: z.string(),
  /** One sentence each, from the suite's record. */
  goal: z.string(),
  method: z.string(),
  failureMeans: z
    .string()
    .exactOptional()
    .describe("Which part of the mesh is to be suspected where it fails."),
  tags: z.array(z.string()).exactOptional(),
  tests: z.array(testSchema),
  /** What went wrong outside any test: set-up, clean-up. */
  errors: z.array(z.string()),
  durationMs: z.number(),
  findings: z
    .array(findingSchema)
    .exactOptional()
    .describe("Where a test failed: what `diagnose` says of the evidence, the deepest cause first."),
});
export type SuiteRecord = Infer<typeof suiteSchema>;

const clusterSchema = z.object({
  name: z.string(),
  id: z.number(),
  podCidr: z.string(),
  serviceCidr: z.string(),
  nodes: z.array(z.string()),
  kubernetes: z.string(),
  cilium: z.string(),
  nodeImage: z.string(),
  nodeImageId: z.string(),
});

/** Secrets of one kind that were taken out of one file of a report before it was written. */
const redactionSchema = z.object({
  /** Its path in the report. */
  file: z.string(),
  kind: z.string(),
  count: z.number().int(),
});
export type Redaction = Infer<typeof redactionSchema>;

/** `report.json`, version 1. `reports/report.schema.json` is made from it; a test keeps the two alike. */
export const runRecordSchema = z.object({
  schema: z.literal(1),
  runId: z.string(),
  startedAt: z.string(),
  durationMs: z.number(),
  command: z.string(),
  lab: z.string(),
  profile: z.string().describe("The way of meshing."),
  fault: z.string().nullable(),
  kernel: z.string(),
  meshproof: z.string(),
  imageSource: z.string(),
  imageReason: z.string(),
  clusters: z.array(clusterSchema),
  provenance: z.array(provenanceSchema),
  budgets: z.record(z.string(), z.number()),
  suites: z.array(suiteSchema),
  totals: z.object({
    pass: z.number(),
    fail: z.number(),
    unsupported: z.number(),
    skipped: z.number(),
    unknown: z.number(),
    errors: z.number(),
  }),
  exitCode: z.number(),
  redactions: z
    .array(redactionSchema)
    .exactOptional()
    .describe("Secrets that were taken out of the report's files before they were written."),
  killMatrix: killMatrixSchema.exactOptional().describe("What `prove` found; of no other command."),
});
/** A whole run, as `report.json` holds it. */
export type RunRecord = Infer<typeof runRecordSchema>;

export const runRecordFormat: RecordFormat<RunRecord> = {
  schema: runRecordSchema,
  version: { key: "schema", current: 1 },
};

export function totalsOf(suites: readonly SuiteRecord[]): RunRecord["totals"] {
  const totals = { pass: 0, fail: 0, unsupported: 0, skipped: 0, unknown: 0, errors: 0 };
  for (const suite of suites) {
    totals.errors += suite.errors.length;
    for (const test of suite.tests) totals[test.outcome] += 1;
  }
  return totals;
}

/** DESIGN's exit codes: 1 a failure, 3 something unknown or nothing passed, 0 otherwise. */
export function exitCodeOf(totals: RunRecord["totals"], mayBeComplete = false): number {
  if (totals.fail > 0 || totals.errors > 0) return 1;
  // A series that holds everything already leaves nothing to do: all is skipped.
  const complete = mayBeComplete && totals.skipped > 0;
  if (totals.unknown > 0 || (totals.pass === 0 && !complete)) return 3;
  return 0;
}
