import { monotonicMs } from "#harness/lib/clock.ts";
import type { Progress, StepHandle } from "#harness/lib/progress.ts";
import type { Store } from "./store.ts";

/** The duration of one part, for `bench images` and for the next run's estimate. */
export interface PartTime {
  readonly part: string;
  readonly ms: number;
}

/**
 * Runs parts as progress steps and records their durations. A duration of up to 5 s is a cache hit and no estimate.
 */
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

  async run<T>(part: string, work: (step: StepHandle) => Promise<T>, isCached = false): Promise<T> {
    const expectMs = isCached
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
