import { failedBecause, type Verdict } from "#harness/model/verdict.ts";
import { type Difference, describeDifference } from "#harness/semantics/compare.ts";

const mostReasons = 50;

/** What is held as it should be: each difference is a reason. Fails where nothing is expected, which proves nothing. */
export function judgeDifferences(
  differences: readonly Difference[],
  { what, expected }: { readonly what: string; readonly expected: number },
): Verdict {
  const reasons = differences.map(describeDifference);
  return failedBecause([
    ...(expected === 0 ? [`${what}: nothing is expected, which proves nothing`] : []),
    ...reasons.slice(0, mostReasons),
    ...(reasons.length > mostReasons ? [`and ${reasons.length - mostReasons} more`] : []),
  ]);
}
