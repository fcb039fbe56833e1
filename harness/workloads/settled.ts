import { isTestMachineError, MeshproofError, missedDeadline } from "#harness/lib/errors.ts";

/**
 * Waits for the initial state of several things, all at once; one that is not reached in time is left to the tests, which
 * look for themselves. A set-up that threw would skip them all, also those of what does work.
 */
export async function settledInTime(waits: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(waits)) {
    if (result.status === "fulfilled") continue;
    const error: unknown = result.reason;
    // Reached, if perhaps not in time.
    if (error instanceof MeshproofError && error.code === "undecided") continue;
    if (!missedDeadline(error) || isTestMachineError(error)) throw error;
  }
}
