import { describe, expect, test } from "vitest";
import type { PhaseRecord, SuiteWindow } from "#harness/model/certificate.ts";
import { exampleDisruption, examplePhase, exampleSuiteWindow } from "#harness/model/certificate-examples.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
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
    expect(d).toMatchObject({ sent: 20, lost: 2, lostMs: 300, longestGapMs: 300, resets: 0 });
    expect(d.outages).toEqual([
      {
        ...{ afterMs: 900, gapMs: 300, lost: 2, cause: "agent of east on b terminating" },
        ...{ firstLostMs: 1000, firstLoss: "timeout" },
      },
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

const quiet = exampleDisruption({ sent: 100 });
const lossy = { ...quiet, lost: 3, longestGapMs: 200 };
const baseline = examplePhase({ disruptions: [quiet] });
const upgrade = (news: Partial<PhaseRecord> = {}): PhaseRecord =>
  examplePhase({
    name: "upgrade east first",
    change: { cluster: "east", to: "new" },
    startMs: 120_000,
    disruptions: [quiet],
    ...news,
  });
const budgets = { upgradeGapMs: 5000, upgradeLostMs: 10_000 };
const cycleOf = (phases: readonly PhaseRecord[], suiteWindows: readonly SuiteWindow[] = []) => ({
  ...{ phases, suiteWindows, interruptions: [] },
});
const of = (news: Partial<PhaseRecord>, known: CertificateFinding[] = []) =>
  certify([cycleOf([baseline, upgrade(news)])], budgets, known);

const suite = (news: Partial<PhaseRecord["suites"][number]>): SuiteWindow["suites"] => [
  {
    ...{ name: "policy", run: "r", tests: { pass: 1 }, failures: [], accepted: [], errors: [] },
    ...{ unsupported: [], skipped: [] },
    ...news,
  },
];
/** Suites before anything moves, and after. */
const withSuites = (news: Partial<PhaseRecord["suites"][number]>, when: "before" | "after") =>
  certify(
    [
      cycleOf(
        [baseline, upgrade({ startMs: 220_000 })],
        [exampleSuiteWindow({ startMs: when === "before" ? 120_000 : 400_000, suites: suite(news) })],
      ),
    ],
    budgets,
    [],
  );

describe("certification", () => {
  test("nothing lost, nothing found: certified", () => {
    expect(of({})).toEqual({ verdict: "certified", reasons: [], findings: [] });
  });

  test("losses within the budget, ended connections and changed settings are findings", () => {
    expect(of({ disruptions: [lossy] }).verdict).toBe("certified with findings");
    const ended = of({ disruptions: [{ ...quiet, kind: "http keep-alive", resets: 1 }] });
    expect(ended.findings[0]?.message).toContain("ended once");
    expect(ended.verdict).toBe("certified with findings");
    expect(of({}, [{ id: "x", grade: "caution", message: "setting x" }]).verdict).toBe(
      "certified with findings",
    );
    expect(of({}, [{ id: "x", grade: "information", message: "setting x" }]).verdict).toBe("certified");
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
      "the kept connection ended 2 times",
    ],
    [
      "one leaked packet",
      { leaks: [{ afterMs: 5, from: "east/denied", to: "west/server", packets: 1, spanMs: 0 }] },
      "policy leak: 1 packet of east/denied reached west/server",
    ],
    ["state that did not survive", { changed: ["east: identity of pod a was 1, is 2"] }, "identity of pod a"],
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
    ["an error of the harness", { harness: ["the harness failed: no answer of the API server"] }],
    ["a move that was measured in part", { measuredMs: 117_000 }],
  ])("%s leaves it unknown", (_, news) => {
    expect(of(news as Partial<PhaseRecord>).verdict).toBe("unknown");
  });

  test("a loss is reported beside what its path lost in the baseline", () => {
    const { findings } = certify(
      [cycleOf([{ ...baseline, disruptions: [{ ...lossy, lost: 2 }] }, upgrade({ disruptions: [lossy] })])],
      budgets,
      [],
    );
    expect(findings.at(-1)?.message).toContain("3 of 100 lost, 200 ms at most; in the baseline 2 of 100");
  });

  test("a test that fails before anything moved prevents 'certified', unless it is accepted", () => {
    const failed = withSuites({ failures: ["t: why"], tests: { fail: 1 } }, "before");
    expect(failed.verdict).toBe("unknown");
    expect(failed.reasons.join()).toContain(
      "policy: t: why (failed before anything moved; `--accept` accepts it)",
    );
    const accepted = withSuites({ accepted: ["t: why"], tests: { fail: 1 } }, "before");
    expect(accepted.verdict).toBe("certified with findings");
    expect(accepted.findings.map((f) => f.id)).toEqual(["accepted-failure"]);
  });

  test("without any phase the verdict is unknown", () => {
    expect(certify([], budgets, []).verdict).toBe("unknown");
    expect(certify([cycleOf([])], budgets, []).verdict).toBe("unknown");
  });
});

describe("suites, disturbances and cycles", () => {
  test("a failed test decides against it once something has moved, and a leak also beside suites", () => {
    const { verdict, reasons } = withSuites({ failures: ["t: why"], tests: { fail: 1 } }, "after");
    expect(verdict).toBe("not certified");
    expect(reasons).toEqual(["suites, baseline: policy: t: why"]);
    const leaks = [{ afterMs: 5, from: "east/denied", to: "west/server", packets: 1, spanMs: 0 }];
    const beside = [exampleSuiteWindow({ leaks })];
    expect(certify([cycleOf([baseline, upgrade()], beside)], budgets, []).verdict).toBe("not certified");
  });

  test("an error of the harness in the baseline leaves it unknown", () => {
    const broken = { ...baseline, harness: ["healing failed"] };
    expect(certify([cycleOf([broken, upgrade()])], budgets, []).verdict).toBe("unknown");
  });

  test("what is lost beside suites is information, and what a disturbance lost decides nothing", () => {
    const beside = exampleSuiteWindow({ disruptions: [{ ...lossy, lost: 90, longestGapMs: 60_000 }] });
    const judged = certify([cycleOf([baseline, upgrade()], [beside])], budgets, []);
    expect(judged.verdict).toBe("certified");
    expect(judged.findings.map((f) => [f.id, f.grade])).toEqual([["lost-beside-suites", "information"]]);
    const made = { afterMs: 0, gapMs: 30_000, lost: 90, cause: "node rebooted", disturbance: true };
    const disturbed = { ...lossy, lost: 90, lostMs: 18_000, longestGapMs: 30_000, outages: [made] };
    expect(of({ disruptions: [disturbed] }).verdict).toBe("certified");
  });

  test("one cycle decides for all of them, and is named", () => {
    const good = cycleOf([baseline, upgrade()]);
    const bad = cycleOf([baseline, upgrade({ error: "hung" })]);
    expect(certify([good, bad], budgets, []).reasons).toEqual(["cycle 2, upgrade east first: hung"]);
  });

  test.each([
    ["a suite that did not run", { tests: {} }],
    ["an unknown test", { tests: { unknown: 1 } }],
    ["an error of the harness in set-up or clean-up", { errors: ["clean-up failed: 1 of 5 steps"] }],
  ] as const)("%s leaves it unknown, in the baseline and later", (_, news) => {
    expect(withSuites(news, "before").verdict).toBe("unknown");
    expect(withSuites(news, "after").verdict).toBe("unknown");
  });
});

test("persistent state is compared by name, and missing entries are reported", () => {
  const before = {
    identities: { a: "1", b: "2" },
    twins: {},
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
  const state = {
    identities: { a: "1" },
    twins: {},
    endpoints: { a: "none" },
    backends: { s: "" },
    policies: {},
  };
  expect(unsettled(state)).toEqual([
    "endpoint id of pod a: none",
    "backends of s: none",
    "no status of policy anything",
  ]);
});
