import { messageOf } from "#harness/lib/errors.ts";

/**
 * Serialises writes. A full disk must not end the run: it is reported once, and the host's samples make the verdicts
 * unknown.
 */
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

  /** Resolves once all added writes are done. */
  get done(): Promise<void> {
    return this.#last;
  }
}
