import { certify } from "#harness/judge/certification.ts";
import { changesOf } from "#harness/judge/persistent-state.ts";
import { found } from "#harness/lib/found.ts";
import { silent } from "#harness/lib/progress.ts";
import { exampleCycle, exampleJournal, examplePhase } from "#harness/model/certificate-examples.ts";
import type { CertificationJournal, CycleBeginning } from "#harness/model/certification-journal.ts";
import { Cycle } from "./cycle.ts";
import type { CycleWatch, CycleWorld, Move } from "./cycle-world.ts";

// A made-up lab for unit tests of a cycle: its clock moves only when the cycle waits, so that every time is exact.

/** How long a move of a cluster takes. */
export const moveMs = 60_000;
const suitesMs = 120_000;

interface Faults {
  readonly findings?: () => never;
  readonly move?: (move: Move) => void;
  readonly settled?: () => void;
  /** The first of all comparisons with the beginning is number 1. */
  readonly unreadAt?: number;
  readonly leak?: boolean;
  readonly moveMs?: number;
  readonly suitesMs?: number;
}

const stateOf = (identity: string) => ({
  ...{ identities: { server: identity }, twins: {}, endpoints: {}, backends: {}, policies: {} },
});

/** The difference between identities 1 and 2. */
export const lostIdentity = "east: identity of pod server was 1, is 2";

/** A lab and what a cycle did to it. */
export class FakeLab implements CycleWorld {
  atMs = 1_000_000;
  readonly versionOf = new Map([
    ["east", "old"],
    ["west", "old"],
  ]);
  readonly saved: CertificationJournal[] = [];
  readonly moves: string[] = [];
  /** Of pod server in east. */
  identity = "1";
  stored = ["v2"];
  /** What was known already, of each comparison with the beginning. */
  readonly known: (readonly string[])[] = [];
  forgotten = false;
  readonly #faults: Faults;

  constructor(faults: Faults = {}) {
    this.#faults = faults;
  }

  nowUnixMs = (): number => this.atMs;
  versions = (): Record<string, string> => Object.fromEntries(this.versionOf);
  versionAfter = ({ to }: Move): string => to;
  keptLeaks = async () => [];
  crds = async () => new Map([["east", [{ name: "ciliumnodeconfigs.cilium.io", stored: this.stored }]]]);
  preflight = async () => {};
  evidence = async () => {};
  prepare = async () => {};

  async pause(ms: number): Promise<void> {
    this.atMs += ms;
  }

  async findings({ findings }: CertificationJournal): Promise<CertificationJournal["findings"]> {
    this.#faults.findings?.();
    return findings;
  }

  async move(move: Move): Promise<void> {
    this.atMs += this.#faults.moveMs ?? moveMs;
    this.#faults.move?.(move);
    this.versionOf.set(move.cluster, move.to);
    this.moves.push(`${move.cluster} ${move.to}`);
  }

  async watch(
    journal: CertificationJournal,
    onProtected: (unixMs: number) => Promise<void>,
  ): Promise<CycleWatch> {
    // Starting the traffic takes a while, in which nothing is recorded.
    this.atMs += 30_000;
    await onProtected(this.atMs);
    const { leak = false } = this.#faults;
    const beginning: CycleBeginning = journal.beginning ?? {
      persistent: { east: stateOf(this.identity) },
      selectsOwnCluster: { east: false },
      crds: Object.fromEntries(await this.crds()),
    };
    const { setting, settingHash, sourceHash, sourceTree, lab } = exampleCycle(1);
    return {
      beginning,
      identity: async () => ({
        ...{ setting: found(setting, "setting"), settingHash, sourceHash, sourceTree, lab },
      }),
      note: () => {},
      settled: async () => this.#faults.settled?.(),
      disturbing: (_move, _withinMs, run) => run(),
      changed: async (known) => {
        this.known.push(known);
        if (this.known.length === this.#faults.unreadAt)
          return { changed: [], unread: ["the state of east could not be read"] };
        const before = found(beginning.persistent.east, "state of east");
        return { changed: changesOf("east", before, stateOf(this.identity)), unread: [] };
      },
      observed: async ({ since, until, watchedSince, startedAtUnixMs }) => ({
        startMs: since - startedAtUnixMs,
        durationMs: until - since,
        measuredMs: until - since,
        disruptions: examplePhase().disruptions,
        deniedSent: 10,
        leaks: leak
          ? [{ afterMs: since - watchedSince, from: "east/denied", to: "west/server", packets: 1, spanMs: 0 }]
          : [],
        ...{ events: [], rig: [], unseen: [] },
      }),
      suites: async () => {
        this.atMs += this.#faults.suitesMs ?? suitesMs;
        return { suites: [], harness: [] };
      },
      stop: async () => {},
      [Symbol.asyncDispose]: async () => {},
    };
  }

  async save(journal: CertificationJournal): Promise<void> {
    this.saved.push(journal);
  }

  async forget(): Promise<void> {
    this.forgotten = true;
  }
}

const { done: _, ...example } = exampleJournal();
const fresh: CertificationJournal = {
  ...example,
  ...{ cycle: 1, done: [], startedAtUnixMs: null, recordedUntilUnixMs: null, current: "baseline" },
  beginning: null,
};

/** Runs a cycle to its end; from its beginning unless a journal says where it was killed. */
export const run = (lab: FakeLab, journal = fresh): Promise<CertificationJournal> =>
  new Cycle({
    ...{ world: lab, journal, progress: silent, say: () => {} },
    signal: new AbortController().signal,
  }).run();

/** The verdict on this cycle alone. */
export const verdictOf = (journal: CertificationJournal) => {
  const { done, suiteWindows, interruptions } = journal;
  return certify([{ phases: done, suiteWindows, interruptions }], exampleCycle(1).budgets, []);
};

/** Of each phase that reports changed state, its name and the changes. */
export const changesIn = ({ done }: CertificationJournal) =>
  done.filter((p) => p.changed.length > 0).map((p) => [p.name, ...p.changed]);

/** The journal of a command that is killed in a phase. */
export const killedIn = (lab: FakeLab, phase: string): CertificationJournal =>
  found(
    lab.saved.find((j) => j.current === phase),
    `journal in ${phase}`,
  );
