import type { Finding } from "./finding.ts";
import type { HealthCell } from "./health-cell.ts";
import type { KillMatrix } from "./kill-matrix.ts";
import type { Measurement } from "./measurement.ts";
import type { Outcome } from "./verdict.ts";

/** What a test leaves for the report, beside its verdict; travels as JSON. */
export interface TestNotes {
  facts?: Record<string, number | string | boolean | null>;
  /** Files under `histories/`, by name. */
  histories?: string[];
  healthCells?: HealthCell[];
  /** What was measured; its outcome is the test's own. */
  measurement?: Omit<Measurement, "outcome">;
  /** The fault that was in force. */
  fault?: { name: string; subject: string; names: string[] };
  /** The capability that is missing: what makes a test `unsupported`. */
  unsupported?: { capability: string; reason: string };
  /** Why it was left out. */
  skipped?: string;
}

export interface TestRecord {
  readonly suite: string;
  readonly name: string;
  readonly outcome: Outcome;
  /** Why, for everything but a pass. */
  readonly reasons: readonly string[];
  readonly durationMs: number;
  readonly notes: TestNotes;
  /** Of suite `meshproof` alone: the error that ended the command. */
  readonly error?: { readonly code: string; readonly remedy?: string };
  /** The documentation, or the section of a KEP, that promises what it checks. */
  readonly spec?: string;
}

export interface SuiteRecord {
  readonly name: string;
  /** One sentence each, from the suite's record. */
  readonly goal: string;
  readonly method: string;
  /** Which part of the mesh is to be suspected where it fails. */
  readonly failureMeans?: string;
  readonly tags?: readonly string[];
  readonly tests: readonly TestRecord[];
  /** What went wrong outside any test: set-up, clean-up. */
  readonly errors: readonly string[];
  readonly durationMs: number;
  /** Where a test failed: what `diagnose` says of the evidence, the deepest cause first. */
  readonly findings?: readonly Finding[];
}

export interface ClusterRecord {
  readonly name: string;
  readonly id: number;
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly nodes: readonly string[];
  readonly kubernetes: string;
  readonly cilium: string;
  readonly nodeImage: string;
  readonly nodeImageId: string;
}

export interface ProvenanceRecord {
  readonly name: string;
  readonly version: string;
  readonly origin: string;
  readonly sum: string;
  readonly notes?: readonly string[];
}

/** Secrets of one kind that were taken out of one file of a report before it was written. */
export interface Redaction {
  /** Its path in the report. */
  readonly file: string;
  readonly kind: string;
  readonly count: number;
}

/** A whole run, as `report.json` holds it. */
export interface RunRecord {
  readonly schema: 1;
  readonly runId: string;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly command: string;
  readonly lab: string;
  /** The way of meshing. */
  readonly profile: string;
  readonly fault: string | null;
  readonly kernel: string;
  readonly meshproof: string;
  readonly imageSource: string;
  readonly imageReason: string;
  readonly clusters: readonly ClusterRecord[];
  readonly provenance: readonly ProvenanceRecord[];
  readonly budgets: Readonly<Record<string, number>>;
  readonly suites: readonly SuiteRecord[];
  readonly totals: Readonly<Record<Outcome, number>> & { readonly errors: number };
  readonly exitCode: number;
  /** What was taken out of the report's files; not there where nothing was. */
  readonly redactions?: readonly Redaction[];
  /** Of `prove` alone. */
  readonly killMatrix?: KillMatrix;
}

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
