import { shareTolerance } from "#harness/lib/stats.ts";
import { failedBecause, type Verdict } from "#harness/model/verdict.ts";

export interface Answers {
  /** Pod names, one per answer. */
  readonly good: readonly string[];
  /** The outcome of each request without an answer. */
  readonly bad: readonly string[];
}

/**
 * Whether every request was answered, by all expected backends and no others, and by each about as often as an even
 * distribution gives: the tolerance follows from the number of answers and the false-alarm probability.
 */
export function judgeShares(
  what: string,
  { good: answers, bad }: Answers,
  expected: readonly string[],
  falseAlarm: number,
): Verdict {
  const reasons: string[] = [];
  if (bad.length > 0)
    reasons.push(
      `${what}: ${bad.length} of ${bad.length + answers.length} requests were not answered, such as ${bad[0]}`,
    );
  if (answers.length === 0)
    return failedBecause([...reasons, `${what}: no answer at all, expected ${expected.join(", ")}`]);
  if (expected.length === 0)
    return failedBecause([`${what}: no backend is expected, yet ${answers.length} answers came`]);
  const counts = new Map<string, number>();
  for (const name of answers) counts.set(name, (counts.get(name) ?? 0) + 1);
  const tolerance = shareTolerance(answers.length, falseAlarm / expected.length);
  const fair = 1 / expected.length;
  for (const name of expected) {
    const share = (counts.get(name) ?? 0) / answers.length;
    if (!counts.has(name))
      reasons.push(
        `${what}: backend ${name} never answered in ${answers.length} answers (false alarm below ${falseAlarm})`,
      );
    else if (Math.abs(share - fair) > tolerance) {
      reasons.push(
        `${what}: backend ${name} had ${(share * 100).toFixed(1)} % of ${answers.length} answers, expected ${(fair * 100).toFixed(1)} ± ${(tolerance * 100).toFixed(1)} %`,
      );
    }
  }
  for (const [name, count] of counts) {
    if (!expected.includes(name))
      reasons.push(`${what}: ${name}, which should not serve, gave ${count} of ${answers.length} answers`);
  }
  return failedBecause(reasons);
}
