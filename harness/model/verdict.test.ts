import { describe, expect, test } from "vitest";
import { exitCodeOf } from "./record.ts";
import { combine } from "./verdict.ts";

describe("verdicts and exit codes", () => {
  test("a failure is never hidden by an unknown, nor an unknown by a pass", () => {
    const v = (outcome: "pass" | "fail" | "unknown") => ({ outcome, reasons: [outcome] });
    expect(combine([v("pass"), v("unknown"), v("fail")]).outcome).toBe("fail");
    expect(combine([v("pass"), v("unknown")]).outcome).toBe("unknown");
    expect(combine([v("pass")]).outcome).toBe("pass");
  });

  test.each([
    [{ pass: 3 }, 0],
    [{ pass: 3, fail: 1, unknown: 1 }, 1],
    [{ pass: 3, errors: 1 }, 1],
    [{ pass: 3, unknown: 1 }, 3],
    [{ unsupported: 2 }, 3],
    [{}, 3],
  ])("totals %j end with %i", (some, code) => {
    expect(exitCodeOf({ pass: 0, fail: 0, unsupported: 0, skipped: 0, unknown: 0, errors: 0, ...some })).toBe(
      code,
    );
  });
});
