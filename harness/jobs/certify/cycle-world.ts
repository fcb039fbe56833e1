import type { Leak, PhaseRecord } from "#harness/model/certificate.ts";
import type {
  CertificationJournal,
  CycleBeginning,
  CycleIdentity,
} from "#harness/model/certification-journal.ts";
import type { MeshCrds } from "./crd-preflight.ts";
import type { Phase } from "./phases.ts";
import type { Interval, Observed } from "./record-phase.ts";
import type { RanSuites } from "./run-phase-suites.ts";

export type Move = NonNullable<Phase["change"]>;

/** The lab of a cycle, as the cycle uses it; unit tests replace it. */
export interface CycleWorld {
  nowUnixMs(): number;
  pause(ms: number): Promise<void>;
  /** The version of every cluster now. */
  versions(): PhaseRecord["versions"];
  /** The version that a move brings a cluster to. */
  versionAfter(move: Move): string;
  /** What can be done before traffic begins: the new version's images. */
  prepare(): Promise<void>;
  /** What is known before anything moves. Throws for settings with which it must not. */
  findings(journal: CertificationJournal): Promise<CertificationJournal["findings"]>;
  crds(): Promise<MeshCrds>;
  move(move: Move, journal: CertificationJournal): Promise<void>;
  preflight(journal: CertificationJournal): Promise<void>;
  /** Starts the traffic and everything that watches the mesh. What began a resumed cycle is in its journal. */
  watch(journal: CertificationJournal, onProtected: (unixMs: number) => Promise<void>): Promise<CycleWatch>;
  /** Leaks that an earlier command captured since a time. */
  keptLeaks(sinceUnixMs: number): Promise<Leak[]>;
  evidence(phase: string): Promise<void>;
  save(journal: CertificationJournal): Promise<void>;
  /** Removes the journal: there is nothing to resume. */
  forget(): Promise<void>;
}

/** One line for each difference, and for each cluster whose state could not be read. */
export interface Changed {
  readonly changed: readonly string[];
  readonly unread: readonly string[];
}

/** Running traffic, and everything that watches the mesh. */
export interface CycleWatch extends AsyncDisposable {
  /** The state in which the cycle began: of a resumed one, that of its journal. */
  readonly beginning: CycleBeginning;
  identity(journal: CertificationJournal): Promise<CycleIdentity>;
  /** Records an action of the certification as an event. */
  note(what: string, cluster: string): void;
  /** Ends when every path that must work works. */
  settled(): Promise<void>;
  /** Disturbs the mesh beside a move. */
  disturbing(move: Move, withinMs: number, run: () => Promise<void>): Promise<void>;
  /** All that differs from the state in which the cycle began. What is `known` already is not waited for to heal. */
  changed(known: readonly string[]): Promise<Changed>;
  /** What was seen in an interval that has ended. */
  observed(interval: Interval): Promise<Observed>;
  suites(phase: Phase, journal: CertificationJournal): Promise<RanSuites>;
  /** Ends the traffic; throws if it did not run to the end. */
  stop(): Promise<void>;
}
