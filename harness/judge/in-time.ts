import { isTestMachineError } from "#harness/lib/errors.ts";
import { type EventuallyOptions, eventually, notYet, ready } from "#harness/lib/eventually.ts";
import type { Verdict } from "#harness/model/verdict.ts";

/**
 * Judged again until it passes or its time is up; the last verdict counts. For what arrives by and by. Where no look
 * came to a verdict, the timeout is thrown, with what was seen; so it is where the test machine failed the last look.
 */
export async function judgedInTime(
  judge: () => Promise<Verdict>,
  options: EventuallyOptions,
): Promise<Verdict> {
  let last: Verdict | undefined;
  try {
    return await eventually(async () => {
      last = await judge();
      return last.outcome === "pass" ? ready(last) : notYet(last.reasons.join("; "));
    }, options);
  } catch (error) {
    if (last === undefined || options.signal.aborted || isTestMachineError(error)) throw error;
    return last;
  }
}
