import { MeshproofError, messageOf } from "./errors.ts";

/** What a command was doing when an error was thrown, for its error report. The innermost step wins. */
const stepOfError = new WeakMap<object, string>();
const running: string[] = ["arguments"];

/** Runs `work` as a named step of the command: an error thrown from it is reported under this name. */
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

/** The step that threw an error; the first step if none did. */
export const stepOf = (error: unknown): string =>
  (error instanceof Error ? stepOfError.get(error) : undefined) ?? "arguments";

/** An error that was not caught: a bug in Meshproof. */
export class UncaughtError extends Error {
  constructor(cause: unknown) {
    super(`uncaught error: ${messageOf(cause)}`, { cause });
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
    remedy: "set a longer --timeout, or run fewer suites",
  });

/** Whether a person or their CI system ended the command, rather than `--timeout` or a bug. */
export const isUserInterrupt = (signal: AbortSignal): boolean =>
  signal.aborted && signal.reason instanceof MeshproofError && signal.reason.code === "aborted";

/** Whether an error only reports that this signal aborted its work. The signal's own reason says why. */
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

/** All errors in the order in which they occurred: a failed clean-up does not hide the error before it. */
export function unsuppressed(error: unknown): unknown[] {
  return error instanceof SuppressedError
    ? [...unsuppressed(error.suppressed), ...unsuppressed(error.error)]
    : [error];
}
