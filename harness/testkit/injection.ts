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

  /** Also waits for an injection that outlasted the set-up's deadline: it healed itself, or is healed here. */
  async heal(): Promise<void> {
    const fault = await this.#pending?.catch(() => undefined);
    await fault?.heal();
  }
}
