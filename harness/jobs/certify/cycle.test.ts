import { describe, expect, test } from "vitest";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import type { CertificationJournal } from "#harness/model/certification-journal.ts";
import { FakeLab, moveMs, run, verdictOf } from "./fake-lab.ts";

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

test("leaks decide against it", async () => {
  expect(verdictOf(await run(new FakeLab({ leak: true }))).verdict).toBe("not certified");
});

test("a move's own time is recorded beside that of its phase; a failed move has none", async () => {
  const ended = await run(new FakeLab());
  for (const { change, changeMs, durationMs } of ended.done) {
    expect(changeMs).toBe(change === null ? undefined : moveMs);
    expect(durationMs).toBeGreaterThan(changeMs ?? 0);
  }
  const failed = await run(
    new FakeLab({
      move: ({ to }) => {
        if (to === "new") throw new MeshproofError("timeout", "an image cannot be pulled");
      },
    }),
  );
  expect(failed.done.find((p) => p.error !== null)).not.toHaveProperty("changeMs");
});
