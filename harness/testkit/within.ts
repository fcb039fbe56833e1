import type { Budgets } from "#harness/model/budgets.ts";

/** A deadline and a signal that aborts the wait earlier. */
export interface Waiting {
  readonly withinMs: number;
  readonly signal: AbortSignal;
}

/** Deadlines from the budgets. The signal belongs to the running set-up or test. */
export class Within {
  readonly #budgets: Budgets;
  #signal: AbortSignal;

  constructor(budgets: Budgets, signal: AbortSignal) {
    this.#budgets = budgets;
    this.#signal = signal;
  }

  get signal(): AbortSignal {
    return this.#signal;
  }

  /** For the initial state of a test. */
  get settle(): Waiting {
    return this.ms(this.#budgets.settleMs);
  }

  /** For a change to propagate to every cluster. */
  get sync(): Waiting {
    return this.ms(this.#budgets.syncMs);
  }

  /** For a cluster, or a connection between clusters, to recover. */
  get rejoin(): Waiting {
    return this.ms(this.#budgets.rejoinMs);
  }

  ms(withinMs: number): Waiting {
    return { withinMs, signal: this.#signal };
  }

  /** Called before each test. */
  follow(signal: AbortSignal): void {
    this.#signal = signal;
  }
}
