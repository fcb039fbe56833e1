import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

/**
 * Outcomes of a test. `unsupported`: a capability is missing and named; `skipped`: left out on request; `unknown`: the
 * test machine, not Cilium, had a problem.
 */
export const outcomes = ["pass", "fail", "unsupported", "skipped", "unknown"] as const;
export type Outcome = (typeof outcomes)[number];

const verdictSchema = z.strictObject({
  outcome: z.enum(["pass", "fail", "unknown"]),
  /** One line each; every line names the affected node, pair, cluster or object. */
  reasons: z.array(z.string()),
});
/** The result of a pure check on recorded data. */
export type Verdict = Infer<typeof verdictSchema>;

export const passed: Verdict = { outcome: "pass", reasons: [] };

export function failedBecause(reasons: readonly string[]): Verdict {
  return reasons.length === 0 ? passed : { outcome: "fail", reasons };
}

export function unknownBecause(reasons: readonly string[]): Verdict {
  return { outcome: "unknown", reasons };
}

/** A failure is never hidden by an unknown; an unknown is never hidden by a pass. */
export function combine(verdicts: readonly Verdict[]): Verdict {
  const reasons = verdicts.flatMap((v) => v.reasons);
  if (verdicts.some((v) => v.outcome === "fail")) return { outcome: "fail", reasons };
  if (verdicts.some((v) => v.outcome === "unknown")) return { outcome: "unknown", reasons };
  return passed;
}
