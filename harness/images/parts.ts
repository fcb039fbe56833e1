import { monotonicMs } from "#harness/lib/clock.ts";
import type { Progress, StepHandle } from "#harness/lib/progress.ts";
import type { Store } from "./store.ts";

/** A part's own duration, for `bench images` and for the next run's estimate. */
export interface PartTime {
  readonly part: string;
  readonly ms: number;
}

/** Runs parts as progress steps and keeps what each took; durations under a second are cache hits, not estimates. */
export class Parts {
  readonly times: PartTime[] = [];
  readonly #store: Store;
  readonly #progress: Progress;
  readonly #firstEstimateMs: Readonly<Record<string, number>>;

  constructor(store: Store, progress: Progress, firstEstimateMs: Readonly<Record<string, number>>) {
    this.#store = store;
    this.#progress = progress;
    this.#firstEstimateMs = firstEstimateMs;
  }

  async run<T>(part: string, work: (step: StepHandle) => Promise<T>, standing = false): Promise<T> {
    const expectMs = standing
      ? undefined
      : ((await this.#store.expectedMs(part)) ?? this.#firstEstimateMs[part]);
    return this.#progress.step(
      part,
      async (step) => {
        const startedMs = monotonicMs();
        const result = await work(step);
        const ms = monotonicMs() - startedMs;
        this.times.push({ part, ms });
        if (ms > 5000) await this.#store.recordMs(part, ms);
        return result;
      },
      expectMs === undefined ? {} : { expectMs },
    );
  }
}
