import { interruptedBy, notDoneWithin, UncaughtError } from "#harness/lib/ending.ts";
import { describeError } from "#harness/lib/errors.ts";

/** Maximum of setTimeout. */
const longestMs = 2 ** 31 - 1;

/**
 * Ends a command early: on a signal, `--timeout` or an uncaught error. Each aborts the one signal that all work listens
 * to; clean-up uses its own signals and is not interrupted.
 */
export class Interruption {
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Handles the process's signals and uncaught errors. A second Ctrl-C has no further effect. */
  listen(tell: (text: string) => void): void {
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.on(name, () =>
        this.#end(() => interruptedBy(name), `\n${name}: cleaning up; please wait`, tell),
      );
    for (const event of ["uncaughtException", "unhandledRejection"] as const)
      process.on(event, (cause: unknown) => {
        const error = new UncaughtError(cause);
        // Work that waits for the thrower may never end; the process then ends with this exit code.
        process.exitCode = 3;
        tell(describeError(error));
        this.#end(() => error, "cleaning up; please wait", tell);
      });
  }

  /** Aborts after `ms` of process time; `text` is the duration as the user wrote it. */
  arm(ms: number, text: string, tell: (text: string) => void): void {
    const leftMs = Math.max(0, ms - performance.now());
    this.#timer = setTimeout(
      () =>
        this.#end(() => notDoneWithin(text), `--timeout ${text} has passed: cleaning up; please wait`, tell),
      Math.min(leftMs, longestMs),
    ).unref();
  }

  /** Disarms the timer: only clean-up is left, which has no time limit. */
  disarm(): void {
    clearTimeout(this.#timer);
  }

  #end(reason: () => Error, text: string, tell: (text: string) => void): void {
    if (this.signal.aborted) return;
    tell(text);
    this.#controller.abort(reason());
  }
}
