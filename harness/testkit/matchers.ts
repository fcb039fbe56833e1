import { expect } from "vitest";
import { type FailoverExpectation, judgeFailover } from "#harness/judge/failover.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { History } from "#harness/model/history.ts";
import type { Verdict } from "#harness/model/verdict.ts";

declare module "vitest" {
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown> {
    /** The verdict of a pure check is a pass; its reasons are the message. A disturbed rig makes the test `unknown`. */
    toPass(): R;
    /** Traffic moved from one cluster to the other within the budget. */
    toFailOver(expectation: FailoverExpectation): R;
  }
}

function settle(verdict: Verdict): { pass: boolean; message: () => string } {
  // Thrown, not failed: `expect.soft` and `.not` must not turn an unknown into a verdict.
  if (verdict.outcome === "unknown") throw new MeshproofError("rig-spoiled", verdict.reasons.join("\n"));
  return {
    pass: verdict.outcome === "pass",
    message: () =>
      verdict.reasons.length === 0
        ? "the verdict is a pass"
        : verdict.reasons.slice(0, 12).join("\n") +
          (verdict.reasons.length > 12 ? `\n... and ${verdict.reasons.length - 12} more` : ""),
  };
}

expect.extend({
  toPass: (verdict: Verdict) => settle(verdict),
  toFailOver: (history: History, expectation: FailoverExpectation) =>
    settle(judgeFailover(history, expectation)),
});
