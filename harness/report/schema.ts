import { z } from "zod";
import { measurementSchema } from "#harness/model/measurement.ts";
import { outcomes } from "#harness/model/verdict.ts";

const notes = z.strictObject({
  facts: z.record(z.string(), z.union([z.number(), z.string(), z.boolean(), z.null()])).optional(),
  histories: z.array(z.string()).optional(),
  healthCells: z
    .array(
      z.strictObject({
        from: z.string(),
        to: z.string(),
        path: z.enum(["host ICMP", "host HTTP", "endpoint ICMP", "endpoint HTTP"]),
        state: z.enum(["ok", "failed", "unknown", "stale"]),
        detail: z.string(),
        latencyMs: z.number().nullable(),
      }),
    )
    .optional(),
  measurement: measurementSchema
    .omit({ outcome: true })
    .optional()
    .describe("One measured disturbance; the test's outcome is its own."),
  fault: z
    .strictObject({ name: z.string(), subject: z.string(), names: z.array(z.string()) })
    .optional()
    .describe("The fault that was in force; a failing test's message holds one of its names."),
  unsupported: z
    .strictObject({ capability: z.string(), reason: z.string() })
    .optional()
    .describe("The capability that is missing: what makes a test `unsupported`."),
  skipped: z.string().optional().describe("Why the test was left out."),
});

const killMatrix = z.strictObject({
  faults: z.array(
    z.strictObject({
      name: z.string(),
      group: z.string(),
      does: z.string(),
      subject: z.string(),
      durationMs: z.number(),
      run: z
        .string()
        .describe("The run of `prove` that tried it: an earlier one, where that was gone on with."),
      errors: z.array(z.string()),
    }),
  ),
  tests: z.array(z.string()),
  cells: z.array(
    z.strictObject({
      fault: z.string(),
      test: z.string(),
      state: z.enum(["killed", "unnamed", "survived", "broke", "green", "unknown"]),
      outcome: z.enum(outcomes),
      message: z.string(),
    }),
  ),
  survivors: z.array(z.string()),
  unkilled: z.array(z.string()),
});

const suite = z.strictObject({
  name: z.string(),
  goal: z.string().describe("What the suite shows, in one sentence."),
  method: z.string().describe("How it does so, in one sentence."),
  failureMeans: z.string().optional().describe("The part of the mesh to suspect if it fails."),
  tags: z.array(z.string()).optional(),
  tests: z.array(
    z.strictObject({
      suite: z.string(),
      name: z.string().describe("Title of the test."),
      outcome: z.enum(outcomes).describe("How the test ended."),
      reasons: z.array(z.string()).describe("Why, for every outcome except `pass`."),
      durationMs: z.number(),
      notes,
      error: z
        .strictObject({ code: z.string(), remedy: z.string().optional() })
        .optional()
        .describe("In suite `meshproof` only: the error that ended the command early."),
      spec: z
        .string()
        .optional()
        .describe("The documentation, or the section of a KEP, that promises what the test checks."),
    }),
  ),
  errors: z.array(z.string()).describe("Errors outside any test: set-up and clean-up."),
  durationMs: z.number(),
  findings: z
    .array(
      z.strictObject({
        layer: z.string(),
        severity: z.enum(["broken", "suspect", "unread"]),
        cluster: z.string(),
        subject: z.string(),
        message: z.string(),
        next: z.string(),
      }),
    )
    .optional()
    .describe("If a test failed: what `diagnose` finds in the evidence, the deepest cause first."),
});

/** `report.json`, version 1. `reports/report.schema.json` is made from it; a test keeps the two alike. */
export const reportSchema = z.strictObject({
  schema: z.literal(1).describe("Version of this format."),
  runId: z.string().describe("Name of the run and of its folder."),
  startedAt: z.string().describe("Wall-clock time of the start (UTC)."),
  durationMs: z.number().describe("Duration of the whole run."),
  command: z.string().describe("The command that repeats the run."),
  lab: z.string().describe("Name of the lab."),
  profile: z.string().describe("How the clusters are meshed."),
  fault: z.string().nullable().describe("The fault of `--with-fault`; null without one."),
  kernel: z.string().describe("Kernel release of the test machine."),
  meshproof: z.string().describe("Version of Meshproof."),
  imageSource: z.string().describe("Where images come from: registry, source or archive."),
  imageReason: z.string().describe("Why that source was chosen."),
  clusters: z.array(
    z.strictObject({
      name: z.string(),
      id: z.number().describe("Cilium's cluster-id."),
      podCidr: z.string().describe("Address range of pods."),
      serviceCidr: z.string().describe("Address range of services."),
      nodes: z.array(z.string()).describe("Names of the nodes."),
      kubernetes: z.string().describe("Version that the API server reports."),
      cilium: z.string().describe("Version that an agent reports."),
      nodeImage: z.string().describe("Image of the nodes."),
      nodeImageId: z.string().describe("Id of that image."),
    }),
  ),
  provenance: z.array(
    z.strictObject({
      name: z.string(),
      version: z.string(),
      origin: z.string().describe("Where it was fetched or built from."),
      sum: z.string().describe("Checksum."),
      notes: z.array(z.string()).optional(),
    }),
  ),
  budgets: z.record(z.string(), z.number()).describe("The budgets of the lab, by name."),
  suites: z.array(suite).describe("One entry for each suite, in the order of the run."),
  totals: z.strictObject({
    pass: z.number().describe("Tests that passed."),
    fail: z.number().describe("Tests that failed."),
    unsupported: z.number().describe("Tests whose capability is missing."),
    skipped: z.number().describe("Tests that were left out on request."),
    unknown: z.number().describe("Tests that the test machine spoiled."),
    errors: z.number().describe("Errors of set-up and clean-up."),
  }),
  exitCode: z.number().describe("Exit code of the command."),
  redactions: z
    .array(z.strictObject({ file: z.string(), kind: z.string(), count: z.number().int() }))
    .optional()
    .describe("Secrets that were taken out of the report's files before they were written."),
  killMatrix: killMatrix.optional().describe("What `prove` found; of no other command."),
});
