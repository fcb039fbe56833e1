import { MeshproofError, messageOf } from "./errors.ts";

/** Names for a command's error report: what the command was doing. Innermost step wins. */
const stepOfError = new WeakMap<object, string>();
const running: string[] = ["arguments"];

/** Runs `work` as a named step of the command: an error that leaves it is reported under this name. */
export async function atStep<T>(name: string, work: () => Promise<T>): Promise<T> {
  running.push(name);
  try {
    return await work();
  } catch (error) {
    for (const one of unsuppressed(error))
      if (one instanceof Error && !stepOfError.has(one)) stepOfError.set(one, name);
    throw error;
  } finally {
    running.splice(running.lastIndexOf(name), 1);
  }
}

/** The innermost step that is running. */
export const currentStep = (): string => running.at(-1) ?? "arguments";

/** The step that an error left; the first one, if it left none. */
export const stepOf = (error: unknown): string =>
  (error instanceof Error ? stepOfError.get(error) : undefined) ?? "arguments";

/** An error that nobody caught: a bug of the program. */
export class UncaughtError extends Error {
  constructor(cause: unknown) {
    super(`an error that nothing caught: ${messageOf(cause)}`, { cause });
    this.name = cause instanceof Error ? cause.name : "UncaughtError";
    if (cause instanceof Error && cause.stack !== undefined) this.stack = cause.stack;
  }
}

/** The reason of an abort by SIGINT, SIGTERM or SIGHUP. */
export const interruptedBy = (signalName: string): MeshproofError =>
  new MeshproofError("aborted", `interrupted by ${signalName} at step ${currentStep()}`, {
    remedy: "run the command again",
  });

/** The reason of an abort by `--timeout`; `text` as the user wrote it. */
export const notDoneWithin = (text: string): MeshproofError =>
  new MeshproofError("timeout", `not done within --timeout ${text}; stopped at step ${currentStep()}`, {
    remedy: "give a longer --timeout, or name fewer suites",
  });

/** Whether a person or their CI system ended the command, as against `--timeout` or a bug. */
export const isUserInterrupt = (signal: AbortSignal): boolean =>
  signal.aborted && signal.reason instanceof MeshproofError && signal.reason.code === "aborted";

/** Whether an error merely says that its work was aborted by this signal: the signal's own reason says why. */
export function saysAborted(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false;
  if (error === signal.reason) return true;
  for (
    let current = error, depth = 0;
    current instanceof Error && depth < 6;
    current = current.cause, depth++
  )
    if (current.name === "AbortError" || ("code" in current && current.code === "aborted")) return true;
  return false;
}

/** What went wrong, in the order in which it did: clean-up that failed after an error does not hide it. */
export function unsuppressed(error: unknown): unknown[] {
  return error instanceof SuppressedError
    ? [...unsuppressed(error.suppressed), ...unsuppressed(error.error)]
    : [error];
}
