import { z } from "zod";
import { MeshproofError } from "#harness/lib/errors.ts";
import { syntaxProblem } from "#harness/lib/syntax-problem.ts";

const expectation = z.strictObject({
  mustFail: z.array(z.string()),
  mustPass: z.array(z.string()),
  mayFail: z.array(z.string()),
});

/** Whether a cluster has a capability that suites or tests require; decided once, before anything is created. */
const decision = z.strictObject({
  capability: z.string(),
  cluster: z.string(),
  state: z.enum(["present", "missing", "undecided"]),
  /** Why it is missing, or why that could not be decided. */
  reason: z.string().optional(),
});
export type CapabilityDecision = z.infer<typeof decision>;

/** What a vitest worker must know about its run: one JSON file, whose path is in `MESHPROOF_RUN`. */
export const runContextSchema = z.strictObject({
  version: z.literal(1),
  runId: z.string().min(1),
  /** The lab that is up; its state file has the details. */
  lab: z.string().min(1),
  clusters: z.array(z.string()).min(1),
  /** Absolute; the run's own folder is `<reportsDir>/<runId>`. */
  reportsDir: z.string().min(1),
  /** Whether the evidence of a failure includes cilium-bugtool's files. */
  bugtool: z.boolean().default(false),
  /** Injected after each suite's set-up. */
  fault: z.string().optional(),
  /** The expected effect of the fault, by suite; tests that may fail or pass are skipped. */
  expected: z.record(z.string(), expectation).default({}),
  /** With `expected`: those run all the same. */
  includeEither: z.boolean().default(false),
  /** Factor by which the suites' own probers lengthen the probe intervals of `budgets`. */
  probeIntervalFactor: z.number().positive().default(1),
  /** How often each measured test must have run: in this run, or in the series if one is named. */
  repeat: z.number().int().positive().default(1),
  /** The file to which several runs append measurements. */
  series: z.string().optional(),
  /** A series of earlier measurements, with which outages are compared. */
  baseline: z.string().optional(),
  /** Titles of the tests to run, by suite, in their order; a suite that is not listed runs completely. */
  selected: z.record(z.string(), z.array(z.string())).default({}),
  /** Titles of the tests whose failure counts as none (`--accept`), by suite. */
  accepted: z.record(z.string(), z.array(z.string())).default({}),
  /** After a suite with a failure, wait with all its objects in place until the pause file is removed. */
  pauseOnFail: z.boolean().default(false),
  capabilities: z.array(decision).default([]),
});
export type RunContext = z.infer<typeof runContextSchema>;

const remedy = "write it again: `npm run mesh -- test --write-context FILE`";

/** Reads the text of a run context. Throws `config-invalid`, naming `file` and each field that is wrong. */
export function parseRunContext(text: string, file: string): RunContext {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new MeshproofError("config-invalid", `run context ${file} is not JSON: ${syntaxProblem(error)}`, {
      remedy,
    });
  }
  const parsed = runContextSchema.safeParse(data);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map((i) => `${i.path.join(".") || "(top)"}: ${i.message}`);
  throw new MeshproofError("config-invalid", `run context ${file} is not valid: ${wrong.join("; ")}`, {
    remedy: remedy,
  });
}
