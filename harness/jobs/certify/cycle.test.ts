// A cycle in a made-up lab: its clock moves only when the cycle waits, so that every time is exact.
import { describe, expect, test } from "vitest";
import { certify } from "#harness/judge/certification.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import { silent } from "#harness/lib/progress.ts";
import { exampleCycle, exampleJournal, examplePhase } from "#harness/model/certificate-examples.ts";
import type { CertificationJournal } from "#harness/model/certification-journal.ts";
import { Cycle } from "./cycle.ts";
import type { CycleWatch, CycleWorld, Move } from "./cycle-world.ts";

const moveMs = 60_000;
const suitesMs = 120_000;

interface Faults {
  readonly findings?: () => never;
  readonly move?: (move: Move) => void;
  readonly settled?: () => void;
  readonly changed?: readonly string[];
  readonly leak?: boolean;
  readonly moveMs?: number;
  readonly suitesMs?: number;
}

/** A lab and what a cycle did to it. */
class FakeLab implements CycleWorld {
  atMs = 1_000_000;
  readonly versionOf = new Map([
    ["east", "old"],
    ["west", "old"],
  ]);
  readonly saved: CertificationJournal[] = [];
  readonly moves: string[] = [];
  forgotten = false;
  readonly #faults: Faults;

  constructor(faults: Faults = {}) {
    this.#faults = faults;
  }

  nowUnixMs = (): number => this.atMs;
  versions = (): Record<string, string> => Object.fromEntries(this.versionOf);
  versionAfter = ({ to }: Move): string => to;
  keptLeaks = async () => [];
  crds = async () => new Map();
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

  async watch(onProtected: (unixMs: number) => Promise<void>): Promise<CycleWatch> {
    // Starting the traffic takes a while, in which nothing is recorded.
    this.atMs += 30_000;
    await onProtected(this.atMs);
    const { changed = [], leak = false } = this.#faults;
    const { setting, settingHash, sourceHash, sourceTree, lab } = exampleCycle(1);
    return {
      identity: async () => ({
        ...{ setting: found(setting, "setting"), settingHash, sourceHash, sourceTree, lab },
      }),
      note: () => {},
      settled: async () => this.#faults.settled?.(),
      disturbing: (_move, _withinMs, run) => run(),
      changed: async () => ({ changed, unread: [] }),
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
};

const run = (lab: FakeLab, journal = fresh): Promise<CertificationJournal> =>
  new Cycle({
    ...{ world: lab, journal, progress: silent, say: () => {} },
    signal: new AbortController().signal,
  }).run();

const verdictOf = (journal: CertificationJournal) => {
  const { done, suiteWindows, interruptions } = journal;
  return certify([{ phases: done, suiteWindows, interruptions }], exampleCycle(1).budgets, []);
};

/** Everything that was recorded, and interruptions, in the order of time. */
const recorded = ({ done, suiteWindows, interruptions }: CertificationJournal) =>
  [...done, ...suiteWindows, ...interruptions].sort((a, b) => a.startMs - b.startMs);

const expectContiguous = (journal: CertificationJournal): void => {
  let endMs = 0;
  for (const { startMs, durationMs } of recorded(journal)) {
    expect(startMs).toBe(endMs);
    endMs = startMs + durationMs;
  }
};

test("phases and windows of suites follow each other without a gap; every cluster ends where it began", async () => {
  const lab = new FakeLab();
  const ended = await run(lab);
  expect(ended.done).toHaveLength(17);
  expect(ended.suiteWindows.map((w) => [w.name, w.measuredMs])).toEqual([
    ["suites, baseline", 0],
    ["suites, mixed versions, east new", 0],
    ["suites, new version", 0],
    ["suites, mixed versions again, east new", 0],
    ["suites, old version again", 0],
  ]);
  expectContiguous(ended);
  expect(lab.moves).toEqual([
    ...["east new", "west new", "west old", "east old"],
    ...["west new", "east new", "east old", "west old"],
  ]);
  expect(verdictOf(ended).verdict).toBe("certified");
});

describe("a command that was killed", () => {
  test.each([
    "baseline",
    "suites, baseline",
    "upgrade east first",
    "mixed versions, east new",
    "roll back west first",
  ])(
    'in "%s": a resumed cycle has the verdict of an undisturbed one, and lists the interruption',
    async (phase) => {
      const lab = new FakeLab();
      const undisturbed = await run(lab);
      const whenKilled = found(
        lab.saved.findLast(
          (j) => j.current === phase && ![...j.done, ...j.suiteWindows].some((p) => p.name === phase),
        ),
        `journal in ${phase}`,
      );
      const other = new FakeLab();
      // Where the killed command left the lab: in the middle of the phase, some minutes ago.
      for (const p of whenKilled.done)
        for (const [name, v] of Object.entries(p.versions)) other.versionOf.set(name, v);
      other.atMs = (whenKilled.recordedUntilUnixMs ?? 0) + 600_000;
      const resumed = await run(other, whenKilled);
      expect(resumed.interruptions).toHaveLength(1);
      expect(resumed.interruptions[0]).toMatchObject({ phase });
      expect(resumed.interruptions[0]?.durationMs).toBeGreaterThanOrEqual(600_000);
      expectContiguous(resumed);
      expect(resumed.done.map((p) => [p.name, p.versions])).toEqual(
        undisturbed.done.map((p) => [p.name, p.versions]),
      );
      expect(verdictOf(resumed)).toEqual(verdictOf(undisturbed));
    },
  );

  test.each(["upgrade east first", "last"])(
    "between the record of %s and the name of the next phase: it is not measured twice",
    async (which) => {
      const lab = new FakeLab();
      const undisturbed = await run(lab);
      const name = which === "last" ? undisturbed.done.at(-1)?.name : which;
      const whenKilled = found(
        lab.saved.find((j) => j.current === name && j.done.at(-1)?.name === name),
        `journal after ${name}`,
      );
      const other = new FakeLab();
      for (const p of whenKilled.done)
        for (const [cluster, v] of Object.entries(p.versions)) other.versionOf.set(cluster, v);
      other.atMs = (whenKilled.recordedUntilUnixMs ?? 0) + 600_000;
      const resumed = await run(other, whenKilled);
      expect(resumed.done.map((p) => p.name)).toEqual(undisturbed.done.map((p) => p.name));
      expect(verdictOf(resumed)).toEqual(verdictOf(undisturbed));
    },
  );

  test("in a move: the cluster first returns to its earlier version", async () => {
    const lab = new FakeLab();
    await run(lab);
    const whenKilled = found(
      lab.saved.find((j) => j.current === "roll back west first"),
      "journal in a move",
    );
    const other = new FakeLab();
    other.versionOf.set("east", "new").set("west", "old");
    await run(other, whenKilled);
    expect(other.moves.slice(0, 2)).toEqual(["west new", "west old"]);
  });
});

test("an error of the harness ends the cycle, in the baseline too, and leaves it unknown", async () => {
  const broken = new FakeLab({
    settled: () => {
      throw new MeshproofError("probe-failed", "the prober is silent");
    },
  });
  const ended = await run(broken);
  expect(ended.done.at(-1)).toMatchObject({
    name: "upgrade east first",
    harness: ["the harness failed: the prober is silent"],
    measuredMs: 0,
  });
  expect(verdictOf(ended).verdict).toBe("unknown");
});

test("a move that fails is rolled back, and the cycle ends", async () => {
  const lab = new FakeLab({
    move: ({ cluster, to }) => {
      if (cluster === "west" && to === "new")
        throw new MeshproofError("timeout", "an image cannot be pulled");
    },
  });
  const ended = await run(lab);
  expect(ended.done.slice(-3).map((p) => [p.name, p.error])).toEqual([
    ["upgrade west last", "an image cannot be pulled"],
    ["roll back west after the failure", null],
    ["after the roll-back", null],
  ]);
  expect(ended.suiteWindows.at(-1)?.name).toBe("suites, after the roll-back");
  expect(verdictOf(ended).verdict).toBe("not certified");
});

test("a wrong setting found before anything moved is the user's: nothing is recorded, and nothing can be resumed", async () => {
  const lab = new FakeLab({
    findings: () => {
      throw new MeshproofError("config-invalid", "the chart refuses a value");
    },
  });
  await expect(run(lab)).rejects.toThrow("the chart refuses a value");
  expect(lab.forgotten).toBe(true);
  expect(lab.moves).toEqual([]);
});

test("a cycle that takes more than an hour begins no further phase, and is unknown", async () => {
  const ended = await run(new FakeLab({ moveMs: 1_200_000 }));
  expect(ended.done.at(-1)?.harness.join()).toContain("the cycle takes more than 60m 00s");
  expect(verdictOf(ended).verdict).toBe("unknown");
});

test("windows of suites do not count as time of a cycle", async () => {
  const ended = await run(new FakeLab({ suitesMs: 2_000_000 }));
  expect(ended.done).toHaveLength(17);
  expect(verdictOf(ended).verdict).toBe("certified");
});

test("leaks and changed state decide against it", async () => {
  expect(verdictOf(await run(new FakeLab({ leak: true }))).verdict).toBe("not certified");
  expect(
    verdictOf(await run(new FakeLab({ changed: ["east: identity of pod a was 1, is 2"] }))).verdict,
  ).toBe("not certified");
});
