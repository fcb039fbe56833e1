import type { Mesh } from "#harness/cluster/mesh.ts";
import type { Undo } from "#harness/model/undo.ts";
import type { Need } from "./needs.ts";

/** Where a fault strikes; the order of the fault list. */
export type FaultGroup =
  | "network"
  | "control-plane"
  | "nodes"
  | "trust"
  | "state"
  | "configuration"
  | "workload";

/** What a fault works on and with. */
export interface InjectOptions {
  readonly mesh: Mesh;
  /** The namespace of the suite under test, where its objects are; none when injected by hand. */
  readonly namespace?: string;
  readonly signal: AbortSignal;
}

/** In a fault's hands while it does its harm. */
export interface FaultContext extends InjectOptions {
  /** Carried by all firewall rules of this injection. */
  readonly mark: string;
  /** Writes down how to undo what comes next, before it is done. Steps run in reverse order. */
  recordUndo(...steps: Undo[]): Promise<void>;
  /** Does a step of healing now, as part of the harm: pods that must start anew. */
  runUndo(step: Undo): Promise<void>;
}

/** The same for a fault of a suite's own objects. */
export interface SuiteFaultContext extends FaultContext {
  readonly namespace: string;
}

/** What was harmed, as a report should name it. */
export interface Injected {
  readonly subject: string;
  /** A failing test's message must hold at least one of these. */
  readonly names: readonly string[];
  /** Waits until the harm is seen to work; throws `fault-no-effect`. */
  readonly tookHold?: () => Promise<void>;
  /** Called before healing: ends what runs, and throws `fault-no-effect` if nothing was ever hit. */
  readonly beforeHeal?: () => Promise<void>;
}

interface FaultFacts {
  readonly name: string;
  readonly group: FaultGroup;
  /** One sentence: what it does to the mesh. */
  readonly does: string;
  /** What every cluster must have or allow for it, beside what `needsOf` derives. */
  readonly needs?: Need;
  /** Why a snapshot of the mesh cannot show it: it leaves a valid state behind. */
  readonly traceless?: string;
  /** It harms what every suite rests on: none can be expected to stay green beside it. */
  readonly wide?: boolean;
}

/** It works on the mesh, and at most looks into a suite's namespace. */
export interface MeshFault extends FaultFacts {
  readonly needsNamespace?: false;
  inject(ctx: FaultContext): Promise<Injected>;
}

/** It works on a suite's own objects. */
export interface SuiteFault extends FaultFacts {
  readonly needsNamespace: true;
  inject(ctx: SuiteFaultContext): Promise<Injected>;
}

export type Fault = MeshFault | SuiteFault;

/** A fault that took hold. `heal` is idempotent and checks that it worked. */
export interface InjectedFault extends AsyncDisposable {
  readonly name: string;
  readonly subject: string;
  readonly names: readonly string[];
  /** When the harm began: once the last of its undoing was written down, on the harness's clock (`unixNowMs`). */
  readonly begunUnixMs: number;
  heal(): Promise<void>;
}
