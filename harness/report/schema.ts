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
  goal: z.string(),
  method: z.string(),
  failureMeans: z.string().optional().describe("Which part of the mesh is to be suspected where it fails."),
  tags: z.array(z.string()).optional(),
  tests: z.array(
    z.strictObject({
      suite: z.string(),
      name: z.string(),
      outcome: z.enum(outcomes),
      reasons: z.array(z.string()),
      durationMs: z.number(),
      notes,
      error: z
        .strictObject({ code: z.string(), remedy: z.string().optional() })
        .optional()
        .describe("Of suite `meshproof` alone: the error that ended the command before its time."),
      spec: z
        .string()
        .optional()
        .describe("The documentation, or the section of a KEP, that promises what the test checks."),
    }),
  ),
  errors: z.array(z.string()),
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
    .describe("Where a test failed: what `diagnose` says of the evidence, the deepest cause first."),
});

/** `report.json`, version 1. `reports/report.schema.json` is made from it; a test keeps the two alike. */
export const reportSchema = z.strictObject({
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
  clusters: z.array(
    z.strictObject({
      name: z.string(),
      id: z.number(),
      podCidr: z.string(),
      serviceCidr: z.string(),
      nodes: z.array(z.string()),
      kubernetes: z.string(),
      cilium: z.string(),
      nodeImage: z.string(),
      nodeImageId: z.string(),
    }),
  ),
  provenance: z.array(
    z.strictObject({
      name: z.string(),
      version: z.string(),
      origin: z.string(),
      sum: z.string(),
      notes: z.array(z.string()).optional(),
    }),
  ),
  budgets: z.record(z.string(), z.number()),
  suites: z.array(suite),
  totals: z.strictObject({
    pass: z.number(),
    fail: z.number(),
    unsupported: z.number(),
    skipped: z.number(),
    unknown: z.number(),
    errors: z.number(),
  }),
  exitCode: z.number(),
  redactions: z
    .array(z.strictObject({ file: z.string(), kind: z.string(), count: z.number().int() }))
    .optional()
    .describe("Secrets that were taken out of the report's files before they were written."),
  killMatrix: killMatrix.optional().describe("What `prove` found; of no other command."),
});
