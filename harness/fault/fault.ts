import type { Mesh } from "#harness/mesh/mesh.ts";

/** What a fault works on. */
export interface FaultContext {
  readonly mesh: Mesh;
  /** The namespace of the suite under test, where its objects are; none when injected by hand. */
  readonly namespace?: string;
  readonly signal: AbortSignal;
}

/** A fault that took hold. `heal` is idempotent and checks that it worked. */
export interface InjectedFault extends AsyncDisposable {
  readonly name: string;
  /** The faulty node, cluster or object, in the words a report should use. */
  readonly subject: string;
  heal(): Promise<void>;
}

export interface Fault {
  readonly name: string;
  /** One sentence: what it does to the mesh. */
  readonly does: string;
  inject(context: FaultContext): Promise<InjectedFault>;
}

/** Makes the handle: healing happens once, whoever asks first. */
export function injected(name: string, subject: string, heal: () => Promise<void>): InjectedFault {
  let healing: Promise<void> | undefined;
  const once = (): Promise<void> => {
    healing ??= heal();
    return healing;
  };
  return { name, subject, heal: once, [Symbol.asyncDispose]: once };
}
