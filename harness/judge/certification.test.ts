import { describe, expect, test } from "vitest";
import { type PhaseRecord, unmeasuredPhase } from "#harness/model/certificate.ts";
import type { Sample, SampleOutcome } from "#harness/model/history.ts";
import { certify } from "./certification.ts";
import { disruptionOf } from "./disruption.ts";
import { changesOf, unsettled } from "./persistent-state.ts";

const samples = (outcomes: readonly SampleOutcome[]): Sample[] =>
  outcomes.map((outcome, seq) => ({
    seq,
    dueMs: seq * 100,
    sentMs: seq * 100,
    endMs: seq * 100 + 1,
    outcome,
  }));

describe("disruption", () => {
  const stream = (outcomes: readonly SampleOutcome[], connection: "new" | "tcp" = "new") => ({
    path: "east: pod to the other side",
    connection,
    startedAtUnixMs: 1_000_000,
    everyMs: 100,
    samples: samples(outcomes),
  });
  const ok = Array<SampleOutcome>(20).fill("ok");

  test("a loss is one outage, from the last good answer to the next, attributed to the event just before it", () => {
    const lossy = ok.with(10, "timeout").with(11, "refused");
    const d = disruptionOf(stream(lossy), 1_000_000, 1_002_000, [
      { afterMs: 100, what: "agent of east on a terminating" },
      { afterMs: 950, what: "agent of east on b terminating" },
      { afterMs: 1500, what: "agent of east on b ready" },
    ]);
    expect(d).toMatchObject({ sent: 20, lost: 2, lostMs: 200, longestGapMs: 300, resets: 0 });
    expect(d.outages).toEqual([
      { afterMs: 900, gapMs: 300, lost: 2, cause: "agent of east on b terminating", firstLostMs: 1000 },
    ]);
  });

  test("only samples within the interval count", () => {
    expect(disruptionOf(stream(ok.with(2, "timeout")), 1_001_000, 1_002_000, [])).toMatchObject({
      sent: 10,
      lost: 0,
      outages: [],
    });
  });

  test("an outage that does not end counts until the end of the interval", () => {
    const dead = ok.map((o, i): SampleOutcome => (i > 4 ? "timeout" : o));
    expect(disruptionOf(stream(dead), 1_000_000, 1_002_000, []).longestGapMs).toBe(1600);
  });

  test("requests in flight when a kept connection ends count as one end", () => {
    const ended = ok.with(5, "reset").with(6, "reset").with(15, "reset");
    expect(disruptionOf(stream(ended, "tcp"), 1_000_000, 1_002_000, []).resets).toBe(2);
    expect(disruptionOf(stream(ended, "new"), 1_000_000, 1_002_000, []).resets).toBe(0);
    const stalledThenEnded = ok.with(5, "timeout").with(6, "error").with(7, "refused");
    expect(disruptionOf(stream(stalledThenEnded, "tcp"), 1_000_000, 1_002_000, []).resets).toBe(1);
    expect(disruptionOf(stream(ok.with(5, "timeout"), "tcp"), 1_000_000, 1_002_000, []).resets).toBe(0);
  });

  test("a connection that ends with nothing in flight is detected by the next connection that answers", () => {
    const { samples: heard, ...rest } = stream(ok, "tcp");
    const reconnected = heard.map((s) => (s.seq < 7 ? s : { ...s, detail: "connection 2" }));
    expect(disruptionOf({ ...rest, samples: reconnected }, 1_000_000, 1_002_000, [])).toMatchObject({
      lost: 0,
      resets: 1,
    });
    // Reported by a loss and by the next connection: counted once.
    const reported = reconnected.map((s) => (s.seq === 6 ? { ...s, outcome: "reset" as const } : s));
    expect(disruptionOf({ ...rest, samples: reported }, 1_000_000, 1_002_000, []).resets).toBe(1);
    // An end before the interval does not count.
    expect(disruptionOf({ ...rest, samples: reconnected }, 1_001_000, 1_002_000, []).resets).toBe(0);
  });
});

const quiet: PhaseRecord["disruptions"][number] = {
  path: "east: names",
  kind: "dns",
  sent: 100,
  lost: 0,
  lostMs: 0,
  longestGapMs: 200,
  resets: 0,
  outages: [],
};
const phase = (news: Partial<PhaseRecord> = {}): PhaseRecord => ({
  ...unmeasuredPhase("upgrade east", {}),
  durationMs: 1000,
  disruptions: [quiet],
  deniedSent: 10,
  ...news,
});
const budgets = { upgradeGapMs: 5000, upgradeLostMs: 10_000 };
const of = (news: Partial<PhaseRecord>, known: string[] = []) =>
  certify([phase(), phase(news)], budgets, known);
const lossy = { ...quiet, lost: 3 };

describe("certification", () => {
  test("nothing lost, nothing found: certified", () => {
    expect(of({})).toEqual({ verdict: "certified", reasons: [], findings: [] });
  });

  test("losses within the budget, ended connections and changed settings are findings", () => {
    expect(of({ disruptions: [lossy] }).verdict).toBe("certified with findings");
    const ended = of({ disruptions: [{ ...quiet, kind: "http keep-alive", resets: 1 }] });
    expect(ended.findings[0]).toContain("ended once");
    expect(ended.verdict).toBe("certified with findings");
    expect(of({}, ["setting x: ..."]).verdict).toBe("certified with findings");
  });

  test.each([
    ["an outage over the budget", { disruptions: [{ ...lossy, longestGapMs: 5001 }] }, "budget 5000 ms"],
    [
      "every second request lost",
      { disruptions: [{ ...lossy, lost: 210, sent: 420, lostMs: 10_500, longestGapMs: 100 }] },
      "210 of 420 lost, together 10500 ms, budget 10000 ms",
    ],
    [
      "an established connection that ended",
      { disruptions: [{ ...quiet, kind: "tcp heartbeat", resets: 2 }] },
      "the connection ended 2 times",
    ],
    [
      "one leaked packet",
      { leaks: [{ afterMs: 5, from: "east/denied", to: "west/server", packets: 1, spanMs: 0 }] },
      "policy leak: 1 packet of east/denied reached west/server",
    ],
    ["state that did not survive", { changed: ["east: identity of pod a was 1, is 2"] }, "identity of pod a"],
    [
      "a failed test",
      { suites: [{ name: "policy", run: "r", tests: { pass: 1, fail: 1 }, failures: ["t: why"] }] },
      "policy: t: why",
    ],
    ["an upgrade that hung", { error: "moving east did not end well" }, "did not end well"],
  ] as const)("%s decides against it", (_, news, reason) => {
    const { verdict, reasons } = of(news as Partial<PhaseRecord>);
    expect(verdict).toBe("not certified");
    expect(reasons.join()).toContain(reason);
  });

  test.each([
    ["a disturbed rig", { rig: ["the prober stood still"] }],
    ["no traffic", { disruptions: [] }],
    ["a path without requests", { disruptions: [{ ...quiet, sent: 0 }] }],
    ["no denied traffic", { deniedSent: 0 }],
    [
      "an outage over the budget while the rig was disturbed",
      { disruptions: [{ ...lossy, longestGapMs: 5001 }], rig: ["the prober stood still"] },
    ],
    ["a capture that ended", { unseen: ["the capture at west/server ended"] }],
    ["a suite that did not run", { suites: [{ name: "policy", run: "r", tests: {}, failures: [] }] }],
    ["an unknown test", { suites: [{ name: "policy", run: "r", tests: { unknown: 1 }, failures: [] }] }],
  ])("%s leaves it unknown", (_, news) => {
    expect(of(news as Partial<PhaseRecord>).verdict).toBe("unknown");
  });

  test("a loss is reported beside what its path lost in the baseline", () => {
    const { findings } = certify(
      [phase({ name: "baseline", disruptions: [{ ...lossy, lost: 2 }] }), phase({ disruptions: [lossy] })],
      budgets,
      [],
    );
    expect(findings.at(-1)).toContain("3 of 100 lost, 200 ms at most; in baseline 2 of 100");
  });

  test("a test that fails in the baseline is a finding: the upgrade may fix it", () => {
    const failed = {
      name: "policy",
      run: "r",
      tests: { fail: 1 },
      failures: ["t: why"],
      unsupported: [],
      skipped: [],
    };
    const { verdict, findings } = certify(
      [phase({ name: "baseline", suites: [failed] }), phase()],
      budgets,
      [],
    );
    expect(verdict).toBe("certified with findings");
    expect(findings).toEqual(["baseline: policy: t: why"]);
  });

  test("without any phase the verdict is unknown", () => {
    expect(certify([], budgets, []).verdict).toBe("unknown");
  });
});

test("persistent state is compared by name, and missing entries are reported", () => {
  const before = {
    identities: { a: "1", b: "2" },
    endpoints: { a: "7" },
    backends: { "s:80/TCP on n": "10.0.0.1:80" },
    policies: { p: "True" },
  };
  expect(changesOf("east", before, before)).toEqual([]);
  const after = { ...before, identities: { a: "1" }, policies: { p: "False" } };
  expect(changesOf("east", before, after)).toEqual([
    "east: identity of pod b was 2, is gone",
    "east: status of policy p was True, is False",
  ]);
});

test("incomplete persistent state is reported before the upgrade", () => {
  const state = { identities: { a: "1" }, endpoints: { a: "none" }, backends: { s: "" }, policies: {} };
  expect(unsettled(state)).toEqual([
    "endpoint id of pod a: none",
    "backends of s: none",
    "no status of policy anything",
  ]);
});
