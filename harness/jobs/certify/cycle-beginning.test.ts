// What a cycle compares with the state in which it began.
import { describe, expect, test } from "vitest";
import { changesIn, FakeLab, killedIn, lostIdentity, run, verdictOf } from "./fake-lab.ts";

describe("a command that was killed", () => {
  test("what it lost is seen in the first phase after it: the beginning is that of the first command", async () => {
    const lab = new FakeLab();
    const undisturbed = await run(lab);
    const other = new FakeLab();
    other.atMs = 10_000_000;
    other.identity = "2";
    const resumed = await run(other, killedIn(lab, "upgrade west last"));
    expect(resumed.beginning).toEqual(undisturbed.beginning);
    expect(changesIn(resumed)).toEqual([["upgrade west last", lostIdentity]]);
    expect(verdictOf(resumed).verdict).toBe("not certified");
  });

  test("what it reported is not reported again", async () => {
    const lab: FakeLab = new FakeLab({
      move: () => {
        lab.identity = "2";
      },
    });
    await run(lab);
    const other = new FakeLab();
    other.identity = "2";
    const resumed = await run(other, killedIn(lab, "mixed versions, east new"));
    expect(changesIn(resumed)).toEqual([["upgrade east first", lostIdentity]]);
  });

  test("the versions that the whole cycle changed are findings, once", async () => {
    const lab = new FakeLab();
    lab.stored = ["v2alpha1"];
    await run(lab);
    const other = new FakeLab();
    const resumed = await run(other, killedIn(lab, "new version"));
    const changed = [expect.objectContaining({ id: "crd-stored-version", grade: "information" })];
    expect(resumed.findings.forth).toEqual(changed);
    // Killed after that, before the cycle was written.
    expect((await run(new FakeLab(), resumed)).findings.forth).toEqual(changed);
  });
});

describe("state that a move changes", () => {
  test("is reported by its own phase, decides against the cycle, and is known to every later phase", async () => {
    const lab: FakeLab = new FakeLab({
      move: ({ cluster }) => {
        if (cluster === "west") lab.identity = "2";
      },
    });
    const ended = await run(lab);
    expect(changesIn(ended)).toEqual([["upgrade west last", lostIdentity]]);
    expect(verdictOf(ended).verdict).toBe("not certified");
    expect(lab.known.map((k) => k.length)).toEqual([0, 0, 0, 0, ...Array.from({ length: 13 }, () => 1)]);
  });

  test("is reported again if it had healed meanwhile; to heal is no change", async () => {
    const lab: FakeLab = new FakeLab({
      move: ({ cluster }) => {
        lab.identity = cluster === "east" ? "2" : "1";
      },
    });
    expect(changesIn(await run(lab)).map(([name]) => name)).toEqual([
      "upgrade east first",
      "roll back east last",
      "upgrade east last, other order",
    ]);
  });

  test("has not healed where it could not be read", async () => {
    const lab: FakeLab = new FakeLab({
      move: () => {
        lab.identity = "2";
      },
      unreadAt: 3,
    });
    const ended = await run(lab);
    expect(ended.done[2]?.unseen).toEqual(["the state of east could not be read"]);
    expect(changesIn(ended)).toEqual([["upgrade east first", lostIdentity]]);
  });
});

test("the journal holds the beginning as soon as the cycle has begun", async () => {
  const lab = new FakeLab();
  await run(lab);
  for (const { beginning, startedAtUnixMs } of lab.saved)
    expect(beginning === null).toBe(startedAtUnixMs === null);
});
