import type { Outcome } from "./verdict.ts";

/**
 * killed: failed as expected, and the message names what was harmed; unnamed: failed, but the message does not;
 * survived: should have failed and did not; broke: failed and should not have; green: as it should be.
 */
export type CellState = "killed" | "unnamed" | "survived" | "broke" | "green" | "unknown";

export interface KillCell {
  readonly fault: string;
  /** `suite > test`. */
  readonly test: string;
  readonly state: CellState;
  readonly outcome: Outcome;
  readonly message: string;
}

export interface ProvenFault {
  readonly name: string;
  readonly group: string;
  readonly does: string;
  /** What was harmed, as the injection told it; empty where it could not be injected. */
  readonly subject: string;
  readonly durationMs: number;
  /** The run of `prove` that tried it: an earlier one, where that was gone on with. */
  readonly run: string;
  /** Injection or healing that failed. */
  readonly errors: readonly string[];
}

/** Faults by tests: what `prove` found. */
export interface KillMatrix {
  readonly faults: readonly ProvenFault[];
  readonly tests: readonly string[];
  readonly cells: readonly KillCell[];
  /** `fault: test` for each that survived, was not named or broke too much, `fault` for one that did not work. */
  readonly survivors: readonly string[];
  /** Tests that no fault killed. */
  readonly unkilled: readonly string[];
}

/** Cells that the rig spoiled: a survivor may hide in each. */
export const unknownCells = ({ cells }: Pick<KillMatrix, "cells">): number =>
  cells.filter((c) => c.state === "unknown").length;
