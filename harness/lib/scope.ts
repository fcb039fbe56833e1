import { MeshproofError, messageOf } from "./errors.ts";

type Cleanup = () => PromiseLike<void> | void;

/** Clean-ups that run last in first out, continue after errors and report their failures together. */
export class Scope implements AsyncDisposable {
  #cleanups: { readonly name: string; readonly run: Cleanup }[] = [];

  defer(name: string, run: Cleanup): void {
    this.#cleanups.push({ name, run });
  }

  /** Adds a disposable and returns it. */
  use<T extends AsyncDisposable>(name: string, resource: T): T {
    this.defer(name, () => resource[Symbol.asyncDispose]());
    return resource;
  }

  /** Idempotent: each clean-up runs once. */
  async close(): Promise<void> {
    const failures: { name: string; error: unknown }[] = [];
    for (let next = this.#cleanups.pop(); next !== undefined; next = this.#cleanups.pop()) {
      try {
        await next.run();
      } catch (error) {
        failures.push({ name: next.name, error });
      }
    }
    if (failures.length === 0) return;
    throw new MeshproofError(
      "cleanup-failed",
      `clean-up failed: ${failures.map((f) => `${f.name}: ${messageOf(f.error)}`).join("; ")}`,
      { cause: new AggregateError(failures.map((f) => f.error)), remedy: "run `npm run mesh -- down --all`" },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
