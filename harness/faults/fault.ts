import type { Mesh } from "#harness/cluster/mesh.ts";
import type { Undo } from "#harness/model/undo.ts";
import type { Need } from "./needs.ts";

/** The part of the mesh that a fault affects; the order of the fault list. */
export type FaultGroup =
  | "network"
  | "control-plane"
  | "nodes"
  | "trust"
  | "state"
  | "configuration"
  | "workload";

/** The mesh and the settings of an injection. */
export interface InjectOptions {
  readonly mesh: Mesh;
  /** The namespace of the suite under test; undefined for an injection by hand. */
  readonly namespace?: string;
  readonly signal: AbortSignal;
}

/** What a fault can use while it is injected. */
export interface FaultContext extends InjectOptions {
  /** Carried by all firewall rules of this injection. */
  readonly mark: string;
  /** Records the undo steps of a change in the journal; call it before the change. They run in reverse order. */
  recordUndo(...steps: Undo[]): Promise<void>;
  /** Runs an undo step now, as part of the injection, for example to restart pods. */
  runUndo(step: Undo): Promise<void>;
}

/** The same for a fault of a suite's own objects. */
export interface SuiteFaultContext extends FaultContext {
  readonly namespace: string;
}

/** The target, as a report names it. */
export interface Injected {
  readonly subject: string;
  /** A failing test's message must contain at least one of these. */
  readonly names: readonly string[];
  /** Waits until the fault has an effect; throws `fault-no-effect`. */
  readonly tookHold?: () => Promise<void>;
  /** Runs before healing: stops what runs, and throws `fault-no-effect` if the fault never had an effect. */
  readonly beforeHeal?: () => Promise<void>;
}

interface FaultFacts {
  readonly name: string;
  readonly group: FaultGroup;
  /** What it does to the mesh, in one sentence without its subject. */
  readonly does: string;
  /** What every cluster must have or allow, beside what `needsOf` derives. */
  readonly needs?: Need;
  /** Why a snapshot of the mesh cannot show it: the state is valid. */
  readonly traceless?: string;
  /** Why an archive of `cilium sysdump` cannot show it: what shows it is no part of one. */
  readonly liveOnly?: string;
  /** Semver range of the Cilium versions in which a snapshot can show it; in others the state is valid. */
  readonly shownIn?: string;
  /** It affects what every suite depends on, so no suite is expected to pass. */
  readonly wide?: boolean;
}

/** It affects the mesh, and at most reads a suite's namespace. */
export interface MeshFault extends FaultFacts {
  readonly needsNamespace?: false;
  inject(ctx: FaultContext): Promise<Injected>;
}

/** It affects a suite's own objects. */
export interface SuiteFault extends FaultFacts {
  readonly needsNamespace: true;
  inject(ctx: SuiteFaultContext): Promise<Injected>;
}

export type Fault = MeshFault | SuiteFault;

/** A fault that had an effect. `heal` is idempotent and checks that it worked. */
export interface InjectedFault extends AsyncDisposable {
  readonly name: string;
  readonly subject: string;
  readonly names: readonly string[];
  /** When the fault began: after its last undo step was recorded, on the harness's clock (`unixNowMs`). */
  readonly begunUnixMs: number;
  heal(): Promise<void>;
}
