import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { outcomes } from "./verdict.ts";

/**
 * killed: failed as expected, and the message names the fault's target; unnamed: failed, but the message does not name
 * it; weak: it names the target's cluster and nothing in it; survived: should have failed and did not; broke: should not have failed and did; green: passed as expected.
 */
const cellStates = ["killed", "unnamed", "weak", "survived", "broke", "green", "unknown"] as const;
export type CellState = (typeof cellStates)[number];

const killCellSchema = z.object({
  fault: z.string(),
  /** `suite > test`. */
  test: z.string(),
  state: z.enum(cellStates),
  outcome: z.enum(outcomes),
  message: z.string(),
});
export type KillCell = Infer<typeof killCellSchema>;

const provenFaultSchema = z.object({
  name: z.string(),
  group: z.string(),
  does: z.string(),
  /** The target, as the injection reported it; empty if the fault could not be injected. */
  subject: z.string(),
  durationMs: z.number(),
  run: z
    .string()
    .describe("The run of `prove` that injected the fault; an earlier run if this one resumed it."),
  /** Errors of injection and healing. */
  errors: z.array(z.string()),
});
export type ProvenFault = Infer<typeof provenFaultSchema>;

export const killMatrixSchema = z.object({
  faults: z.array(provenFaultSchema),
  tests: z.array(z.string()),
  cells: z.array(killCellSchema),
  /** `fault: test` for each cell that is `survived`, `unnamed`, `weak` or `broke`; `fault` for a fault that did not work. */
  survivors: z.array(z.string()),
  /** Tests that failed under no fault. */
  unkilled: z.array(z.string()),
  everyFault: z
    .boolean()
    .exactOptional()
    .describe("No `--fault` was given: with all shards, a test that no fault killed proves nothing."),
});
/** The result of `prove`: faults by tests. */
export type KillMatrix = Infer<typeof killMatrixSchema>;

/** Cells that the test machine spoiled; each could be a survivor. */
export const unknownCells = ({ cells }: Pick<KillMatrix, "cells">): number =>
  cells.filter((c) => c.state === "unknown").length;

const proofSchema = z.object({
  schema: z.literal(1),
  faults: z.array(provenFaultSchema),
  cells: z.array(killCellSchema),
});
/** The progress of `prove`, as in `kill-matrix.json`: written after every fault, read to resume. */
export type ProofRecord = Infer<typeof proofSchema>;

/** `run` is the run that the file belongs to, for faults of early files, which have no `run`. */
export const proofFormat = (run: string): RecordFormat<ProofRecord> => ({
  schema: proofSchema,
  version: { key: "schema", current: 1 },
  older: {
    0: z
      .object({
        faults: z.array(provenFaultSchema.extend({ run: z.string().default(run) })),
        cells: z.array(killCellSchema),
      })
      .transform((before) => ({ schema: 1 as const, ...before })),
  },
});
