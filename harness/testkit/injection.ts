import type { InjectedFault, InjectOptions } from "#harness/faults/fault.ts";
import { faultNamed } from "#harness/faults/index.ts";
import { injectFault } from "#harness/faults/inject.ts";

/** The fault of a run, while a suite's tests run under it. */
export class Injection {
  #pending: Promise<InjectedFault> | undefined;

  start(name: string, context: InjectOptions): Promise<InjectedFault> {
    this.#pending = injectFault(faultNamed(name), context);
    return this.#pending;
  }

  /** An injection that outlived the set-up's own time is waited for: it healed itself, or is healed here. */
  async heal(): Promise<void> {
    const fault = await this.#pending?.catch(() => undefined);
    await fault?.heal();
  }
}
