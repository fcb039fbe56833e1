import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { provenanceSchema } from "./artifacts.ts";
import { findingSchema } from "./finding.ts";
import { healthCellSchema } from "./health-cell.ts";
import { killMatrixSchema } from "./kill-matrix.ts";
import { labFileSchema } from "./lab-plan.ts";
import { type Measurement, measurementSchema } from "./measurement.ts";
import { meshingSchema } from "./meshing.ts";
import { outcomes } from "./verdict.ts";

const notesSchema = z.object({
  facts: z.record(z.string(), z.union([z.number(), z.string(), z.boolean(), z.null()])).exactOptional(),
  /** Files under `histories/`, by name. */
  histories: z.array(z.string()).exactOptional(),
  healthCells: z.array(healthCellSchema).exactOptional(),
  measurement: measurementSchema
    .omit({ outcome: true })
    .exactOptional()
    .describe("One measured disturbance; it has the same outcome as the test."),
  fault: z
    .object({ name: z.string(), subject: z.string(), names: z.array(z.string()) })
    .exactOptional()
    .describe("The fault that was in force; a failing test's message contains one of its names."),
  unsupported: z
    .object({ capability: z.string(), reason: z.string() })
    .exactOptional()
    .describe("The capability that is missing: what makes a test `unsupported`."),
  skipped: z.string().exactOptional().describe("Why the test was left out."),
});
/** What a test reports besides its verdict; sent as JSON, and extended while the test runs. */
export type TestNotes = Omit<z.infer<typeof notesSchema>, "measurement"> & {
  measurement?: Omit<Measurement, "outcome">;
};

const testSchema = z.object({
  suite: z.string(),
  name: z.string().describe("Title of the test."),
  outcome: z.enum(outcomes).describe("How the test ended."),
  reasons: z.array(z.string()).describe("Why, for every outcome except `pass`."),
  durationMs: z.number().describe("Duration of the test."),
  notes: notesSchema,
  error: z
    .object({ code: z.string(), remedy: z.string().exactOptional() })
    .exactOptional()
    .describe("In suite `meshproof` only: the error that ended the command early."),
  spec: z
    .string()
    .exactOptional()
    .describe("The documentation, or the section of a KEP, that promises what the test checks."),
  defect: z.string().exactOptional().describe("Of a failure: the known defect of Cilium behind it."),
  accepted: z
    .string()
    .exactOptional()
    .describe("Of a failure: what `--accept` named; it counts as no failure then."),
});
export type TestRecord = Infer<typeof testSchema>;

/** A failure that counts: one that the user did not accept. */
export const countsAsFailure = (test: Pick<TestRecord, "outcome" | "accepted">): boolean =>
  test.outcome === "fail" && test.accepted === undefined;

const suiteSchema = z.object({
  name: z.string().describe("Name of the suite."),
  goal: z.string().describe("What the suite shows, in one sentence."),
  method: z.string().describe("How it does so, in one sentence."),
  failureMeans: z.string().exactOptional().describe("The part of the mesh to suspect if it fails."),
  tags: z.array(z.string()).exactOptional(),
  tests: z.array(testSchema),
  errors: z.array(z.string()).describe("Errors outside any test: set-up and clean-up."),
  durationMs: z.number().describe("Duration of the suite, set-up and clean-up included."),
  findings: z
    .array(findingSchema)
    .exactOptional()
    .describe("If a test failed: what `diagnose` finds in the evidence, the deepest cause first."),
});
export type SuiteRecord = Infer<typeof suiteSchema>;

const clusterSchema = z.object({
  name: z.string().describe("Name of the cluster."),
  id: z.number().describe("Cilium's cluster-id."),
  podCidr: z.string().describe("Address range of pods."),
  serviceCidr: z.string().describe("Address range of services."),
  nodes: z.array(z.string()).describe("Names of the nodes."),
  kubernetes: z.string().describe("Version that the API server reports."),
  cilium: z.string().describe("Version that an agent reports."),
  nodeImage: z.string().describe("Image of the nodes."),
  nodeImageId: z.string().describe("Id of that image."),
  notes: z
    .array(z.string())
    .exactOptional()
    .describe(
      "What sets this cluster apart: an untested pair of versions, a setting that the machine needs.",
    ),
});
export type ClusterRecord = Infer<typeof clusterSchema>;

/** Secrets of one kind that were redacted in one file of a report before it was written. */
const redactionSchema = z.object({
  /** Its path in the report. */
  file: z.string(),
  kind: z.string(),
  count: z.number().int(),
});
export type Redaction = Infer<typeof redactionSchema>;

/** `report.json`, version 1. `reports/report.schema.json` is made from it; a test keeps the two consistent. */
export const runRecordSchema = z.object({
  schema: z.literal(1).describe("Version of this format."),
  runId: z.string().describe("Name of the run and of its folder."),
  startedAt: z.string().describe("Wall-clock time of the start (UTC)."),
  durationMs: z.number().describe("Duration of the whole run."),
  command: z.string().describe("The command that repeats the run."),
  lab: z.string().describe("Name of the lab."),
  profile: z.string().describe("How the clusters are meshed."),
  labFile: labFileSchema,
  fault: z.string().nullable().describe("The fault of `--with-fault`; null without one."),
  kernel: z.string().describe("Kernel release of the test machine."),
  meshproof: z.string().describe("Version of Meshproof."),
  commit: z
    .string()
    .exactOptional()
    .describe(
      "Commit of Meshproof; ends in -dirty if files were changed. Absent without git, and in older reports.",
    ),
  imageSource: z.string().describe("Where images come from: registry, source or archive."),
  imageReason: z.string().describe("Why that source was chosen."),
  clusters: z.array(clusterSchema),
  provenance: z.array(provenanceSchema),
  meshing: meshingSchema
    .exactOptional()
    .describe("With profile cli: how the clusters were meshed, with the commands and their output."),
  budgets: z.record(z.string(), z.number()).describe("The budgets of the lab, by name."),
  suites: z.array(suiteSchema).describe("One entry for each suite, in the order of the run."),
  totals: z.object({
    pass: z.number().describe("Tests that passed."),
    fail: z.number().describe("Tests that failed."),
    unsupported: z.number().describe("Tests whose capability is missing."),
    skipped: z.number().describe("Tests that were skipped on request."),
    unknown: z.number().describe("Tests that trouble of the test machine made unusable."),
    errors: z.number().describe("Errors of set-up and clean-up."),
    accepted: z.number().exactOptional().describe("Failures that `--accept` names; counted nowhere else."),
  }),
  unusedAccept: z
    .array(z.string())
    .exactOptional()
    .describe("Names of `--accept` that no failure of the run needed; absent if there is none."),
  exitCode: z.number().describe("Exit code of the command."),
  shard: z
    .object({ index: z.number().int().min(1), of: z.number().int().min(1).max(1000) })
    .refine(({ index, of }) => index <= of, "the index of a shard is at most their number")
    .exactOptional()
    .describe("The part that `--shard` named, from 1 to `of`; a merged run has none."),
  redactions: z
    .array(redactionSchema)
    .exactOptional()
    .describe("Secrets that were redacted in the report's files before they were written."),
  killMatrix: killMatrixSchema.exactOptional().describe("The result of `prove`; absent for other commands."),
});
/** A complete run, as in `report.json`. */
export type RunRecord = Infer<typeof runRecordSchema>;

export const runRecordFormat: RecordFormat<RunRecord> = {
  schema: runRecordSchema,
  version: { key: "schema", current: 1 },
};

export function totalsOf(suites: readonly SuiteRecord[]): RunRecord["totals"] {
  const tests = suites.flatMap((s) => s.tests);
  const counted = tests.filter((t) => t.accepted === undefined);
  const of = (outcome: TestRecord["outcome"]): number => counted.filter((t) => t.outcome === outcome).length;
  const accepted = tests.length - counted.length;
  return {
    pass: of("pass"),
    fail: of("fail"),
    unsupported: of("unsupported"),
    skipped: of("skipped"),
    unknown: of("unknown"),
    errors: suites.reduce((sum, s) => sum + s.errors.length, 0),
    ...(accepted === 0 ? {} : { accepted }),
  };
}

/** DESIGN's exit codes: 1 a failure, 3 something unknown or nothing passed, 0 otherwise. */
export function exitCodeOf(totals: RunRecord["totals"], mayBeComplete = false): number {
  if (totals.fail > 0 || totals.errors > 0) return 1;
  // If a series is already complete, all tests are skipped.
  const complete = mayBeComplete && totals.skipped > 0;
  if (totals.unknown > 0 || (totals.pass === 0 && !complete)) return 3;
  return 0;
}
