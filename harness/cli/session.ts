import type { Interruption } from "#harness/jobs/interruption.ts";
import type { RunReport } from "#harness/jobs/run-report.ts";
import type { Progress } from "#harness/lib/progress.ts";
import { type Piece, stderr, stdout } from "#harness/platform/output.ts";
import type { Timeout } from "./options.ts";

/** A command's access to its process: printing, interrupts, the exit code. */
export class Session {
  readonly #interruption: Interruption;
  /** The line under "Reproduce". */
  readonly command: string;
  /** Set by `run` and `test`, and used however they end; other commands have none. */
  readonly report: RunReport | undefined;
  #isJson = false;

  constructor(interruption: Interruption, command: string, report?: (session: Session) => RunReport) {
    this.#interruption = interruption;
    this.command = command;
    this.report = report?.(this);
  }

  get signal(): AbortSignal {
    return this.#interruption.signal;
  }

  get isJson(): boolean {
    return this.#isJson;
  }

  /** After this call only `json` writes to standard output: lines go to standard error. */
  printJson(isJson: boolean): void {
    this.#isJson = isJson;
  }

  readonly say = (...line: readonly Piece[]): void => {
    (this.#isJson ? stderr : stdout).print(...line, "\n");
  };

  readonly warn = (line: string): void => stderr.print(line, "\n");

  /** Without the secrets that a report would not hold either: what is printed comes from clusters and archives too. */
  async json(value: unknown): Promise<void> {
    const { redactText } = await import("#harness/platform/scan-secrets.ts");
    const clean = JSON.parse(await redactText(JSON.stringify(value)));
    stdout.print(JSON.stringify(clean, null, 2), "\n");
  }

  disarm(): void {
    this.#interruption.disarm();
  }

  arm({ ms, text }: Timeout): void {
    this.#interruption.arm(ms, text, this.warn);
  }

  readonly withProgress = async <T>(work: (progress: Progress) => Promise<T>): Promise<T> => {
    const { terminalProgress } = await import("#harness/platform/progress.ts");
    using progress = terminalProgress();
    return await work(progress);
  };
}
