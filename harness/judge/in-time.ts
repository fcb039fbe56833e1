import { isTestMachineError, MeshproofError } from "#harness/lib/errors.ts";
import { type EventuallyOptions, eventually, notYet, ready } from "#harness/lib/eventually.ts";
import type { Verdict } from "#harness/model/verdict.ts";

/**
 * Judges repeatedly until the verdict is a pass or time is up; the last verdict counts. For state that propagates.
 * Throws the timeout with what was seen if there was no verdict, or if the test machine failed the last attempt, and
 * `late` if the pass came after the deadline.
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
    // The last verdict is a pass then, and came too late.
    if (error instanceof MeshproofError && error.code === "late") throw error;
    return last;
  }
}
