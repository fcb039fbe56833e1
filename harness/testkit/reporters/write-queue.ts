import { messageOf } from "#harness/lib/errors.ts";

/** Writes one after the other. A full disk must not end the run: it is said once, and the verdicts are unknown by the host's own samples. */
export class WriteQueue {
  readonly #say: (line: string) => void;
  #last: Promise<void> = Promise.resolve();
  #trouble = false;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  add(write: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(write).catch((error: unknown) => {
      if (!this.#trouble) this.#say(`  the report cannot be written: ${messageOf(error)}`);
      this.#trouble = true;
    });
    return this.#last;
  }

  /** Once all that was added is written. */
  get done(): Promise<void> {
    return this.#last;
  }
}
