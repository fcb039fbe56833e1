import { interruptedBy, notDoneWithin, UncaughtError } from "#harness/lib/ending.ts";
import { describeError } from "#harness/lib/errors.ts";

/** setTimeout takes no more. */
const longestMs = 2 ** 31 - 1;

/**
 * What ends a command before its time: a signal, `--timeout`, an error that nothing caught. Each aborts the one signal
 * that all work listens to; clean-up has signals of its own and is not cut.
 */
export class Interruption {
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Takes the process's signals and its uncaught errors. A second Ctrl-C does nothing more than the first. */
  listen(tell: (text: string) => void): void {
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.on(name, () =>
        this.#end(() => interruptedBy(name), `\n${name}: cleaning up; please wait`, tell),
      );
    for (const event of ["uncaughtException", "unhandledRejection"] as const)
      process.on(event, (cause: unknown) => {
        const error = new UncaughtError(cause);
        // Work that waits for what has thrown may never end: then the process ends with this.
        process.exitCode = 3;
        tell(describeError(error));
        this.#end(() => error, "cleaning up; please wait", tell);
      });
  }

  /** Aborts once the process has run for so long; `text` is the duration as the user wrote it. */
  arm(ms: number, text: string, tell: (text: string) => void): void {
    const leftMs = Math.max(0, ms - performance.now());
    this.#timer = setTimeout(
      () => this.#end(() => notDoneWithin(text), `--timeout ${text} is over: cleaning up; please wait`, tell),
      Math.min(leftMs, longestMs),
    ).unref();
  }

  /** All is done but the clean-up, which has no time limit. */
  disarm(): void {
    clearTimeout(this.#timer);
  }

  #end(reason: () => Error, text: string, tell: (text: string) => void): void {
    if (this.signal.aborted) return;
    tell(text);
    this.#controller.abort(reason());
  }
}
