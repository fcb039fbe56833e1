import type { Budgets } from "#harness/model/budgets.ts";

/** A deadline and the signal that ends a wait before it. */
export interface Waiting {
  readonly withinMs: number;
  readonly signal: AbortSignal;
}

/** Deadlines from the budgets. The signal is that of what is running: the set-up first, then each test in turn. */
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

  /** For a state that a test starts from. */
  get settle(): Waiting {
    return this.ms(this.#budgets.settleMs);
  }

  /** For a change to be known in every cluster. */
  get sync(): Waiting {
    return this.ms(this.#budgets.syncMs);
  }

  /** For a cluster, or a connection between clusters, to be back. */
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
