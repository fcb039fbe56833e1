import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

/**
 * Outcomes of a test. `unsupported`: the capability is not there, and it is named; `skipped`: asked for;
 * `unknown`: the rig, not Cilium, went wrong.
 */
export const outcomes = ["pass", "fail", "unsupported", "skipped", "unknown"] as const;
export type Outcome = (typeof outcomes)[number];

const verdictSchema = z.strictObject({
  outcome: z.enum(["pass", "fail", "unknown"]),
  /** One line each; every one names the node, pair, cluster or object it is about. */
  reasons: z.array(z.string()),
});
/** What a pure check says of what was recorded. */
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
