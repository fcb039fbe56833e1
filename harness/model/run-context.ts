import { z } from "zod";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";

const expectation = z.strictObject({ mustFail: z.array(z.string()), mayFail: z.array(z.string()) });

/** Whether a cluster has a capability that suites or tests require: decided once, before anything is created. */
const decision = z.strictObject({
  capability: z.string(),
  cluster: z.string(),
  state: z.enum(["present", "missing", "undecided"]),
  /** Why it is missing, or why that could not be decided. */
  reason: z.string().optional(),
});
export type CapabilityDecision = z.infer<typeof decision>;

/** What a vitest worker must know of its run: one JSON file, whose path is `MESHPROOF_RUN`. */
export const runContextSchema = z.strictObject({
  version: z.literal(1),
  runId: z.string().min(1),
  /** The lab that is up; its state file says the rest. */
  lab: z.string().min(1),
  clusters: z.array(z.string()).min(1),
  /** Absolute; the run's own folder is `<reportsDir>/<runId>`. */
  reportsDir: z.string().min(1),
  /** cilium-bugtool's files among the evidence of a failure. */
  bugtool: z.boolean().default(false),
  /** Injected after each suite's set-up. */
  fault: z.string().optional(),
  /** What the fault is expected to do, by suite: tests that may fail or pass are skipped. */
  expected: z.record(z.string(), expectation).default({}),
  /** With `expected`: those run all the same. */
  includeEither: z.boolean().default(false),
  /** How many times less often the suites' own probers ask than `budgets` says. */
  probeIntervalFactor: z.number().positive().default(1),
  /** How often each measured test is to be there: in this run, or in the series where one is named. */
  repeat: z.number().int().positive().default(1),
  /** The file that measurements are added to, over runs. */
  series: z.string().optional(),
  /** A series of earlier measurements that outages are compared with. */
  baseline: z.string().optional(),
  /** Titles of the tests to run, by suite; a suite that is not there runs whole. */
  selected: z.record(z.string(), z.array(z.string())).default({}),
  /** After a suite with a failure, wait with everything standing until the pause file is gone. */
  pauseOnFail: z.boolean().default(false),
  capabilities: z.array(decision).default([]),
});
export type RunContext = z.infer<typeof runContextSchema>;

const remedy = "write it anew: `npm run mesh -- test --write-context FILE`";

/** Reads the text of a run context. Throws `config-invalid`, naming `file` and each field that is wrong. */
export function parseRunContext(text: string, file: string): RunContext {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new MeshproofError("config-invalid", `run context ${file} is not JSON: ${messageOf(error)}`, {
      cause: error,
      remedy: remedy,
    });
  }
  const parsed = runContextSchema.safeParse(data);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map((i) => `${i.path.join(".") || "the whole"}: ${i.message}`);
  throw new MeshproofError("config-invalid", `run context ${file} is not valid: ${wrong.join("; ")}`, {
    remedy: remedy,
  });
}
