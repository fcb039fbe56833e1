import { isTestMachineError, missedDeadline } from "#harness/lib/errors.ts";

/**
 * Waits for the initial state of several things, all at once; one that is not reached in time is left to the tests, which
 * look for themselves. A set-up that threw would skip them all, also those of what does work.
 */
export async function settledInTime(waits: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(waits)) {
    if (result.status === "fulfilled") continue;
    const error: unknown = result.reason;
    if (!missedDeadline(error) || isTestMachineError(error)) throw error;
  }
}
