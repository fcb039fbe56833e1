import { MeshproofError, messageOf } from "#harness/lib/errors.ts";

/**
 * Runs a part of a fault beside the tests until `stop`, which throws `fault-no-effect` if the part ended before.
 * `what` names it in that error.
 */
export function inBackground(
  what: string,
  work: (signal: AbortSignal) => Promise<void>,
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  let early: MeshproofError | undefined;
  const running = work(signal)
    .then(
      () => "it came to its end",
      (error: unknown) => messageOf(error),
    )
    .then((why) => {
      if (!signal.aborted) early = new MeshproofError("fault-no-effect", `${what} ended early: ${why}`);
    });
  return {
    async stop() {
      stopping.abort();
      await running;
      if (early !== undefined) throw early;
    },
  };
}
