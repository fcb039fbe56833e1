import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { outcomes } from "./verdict.ts";

/**
 * killed: failed as expected, and the message names what was injected; unnamed: failed, but the message does not;
 * survived: should have failed and did not; broke: failed and should not have; green: as it should be.
 */
const cellStates = ["killed", "unnamed", "survived", "broke", "green", "unknown"] as const;
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
  /** What was harmed, as the injection told it; empty where it could not be injected. */
  subject: z.string(),
  durationMs: z.number(),
  run: z.string().describe("The run of `prove` that tried it: an earlier one, where that was gone on with."),
  /** Injection or healing that failed. */
  errors: z.array(z.string()),
});
export type ProvenFault = Infer<typeof provenFaultSchema>;

export const killMatrixSchema = z.object({
  faults: z.array(provenFaultSchema),
  tests: z.array(z.string()),
  cells: z.array(killCellSchema),
  /** `fault: test` for each that survived, was not named or broke too much, `fault` for one that did not work. */
  survivors: z.array(z.string()),
  /** Tests that no fault killed. */
  unkilled: z.array(z.string()),
  everyFault: z
    .boolean()
    .exactOptional()
    .describe("No `--fault` was given: with all shards, a test that no fault killed proves nothing."),
});
/** Faults by tests: what `prove` found. */
export type KillMatrix = Infer<typeof killMatrixSchema>;

/** Cells that the rig spoiled: a survivor may hide in each. */
export const unknownCells = ({ cells }: Pick<KillMatrix, "cells">): number =>
  cells.filter((c) => c.state === "unknown").length;

const proofSchema = z.object({
  schema: z.literal(1),
  faults: z.array(provenFaultSchema),
  cells: z.array(killCellSchema),
});
/** What `prove` has behind it, as `kill-matrix.json` holds it: written after every fault, read to go on. */
export type ProofRecord = Infer<typeof proofSchema>;

/** `run` is the one whose file it is: the first files named no runs, for none was gone on with. */
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
