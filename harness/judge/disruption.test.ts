import { describe, expect, test } from "vitest";
import type { MeshEvent } from "#harness/model/certificate.ts";
import type { Sample, SampleOutcome } from "#harness/model/history.ts";
import { SampleColumns } from "#harness/model/sample-columns.ts";
import { controlLosses, disruptionOf, type StandingStream } from "./disruption.ts";

const startedAtUnixMs = 1_000_000;
const ok = Array<SampleOutcome>(40).fill("ok");

const stream = (outcomes: readonly SampleOutcome[], more: Partial<StandingStream> = {}): StandingStream => ({
  path: "east: pod to the other side",
  connection: "new",
  startedAtUnixMs,
  everyMs: 100,
  samples: outcomes.map(
    (outcome, seq): Sample => ({
      seq,
      dueMs: seq * 100,
      sentMs: seq * 100,
      endMs: seq * 100 + 1,
      outcome,
      servedBy: "echo-west-1",
    }),
  ),
  ...more,
});
const window = (fromMs: number, toMs: number) => [startedAtUnixMs + fromMs, startedAtUnixMs + toMs] as const;

describe("windows that follow one another", () => {
  test("a kept connection that is reset between two windows counts once, in the later one", () => {
    const samples = [...stream(ok).samples].map((s) => (s.seq < 20 ? s : { ...s, detail: "connection 2" }));
    const tcp = stream(ok, { connection: "tcp", samples });
    expect(disruptionOf(tcp, ...window(0, 2000), []).resets).toBe(0);
    expect(disruptionOf(tcp, ...window(2000, 4000), []).resets).toBe(1);
    const reported = samples.map((s) => (s.seq === 19 ? { ...s, outcome: "reset" as const } : s));
    const lossy = stream(ok, { connection: "tcp", samples: reported });
    const drained: MeshEvent = { afterMs: 1500, what: "pod echo-west-1 of west terminating" };
    expect(disruptionOf(lossy, ...window(0, 2000), [drained])).toMatchObject({
      resets: 1,
      ends: [{ afterMs: 1900, cause: drained.what }],
    });
    expect(disruptionOf(lossy, ...window(2000, 4000), []).resets).toBe(0);
  });

  test("an outage over their boundary is whole in the later one, and its losses are where they were sent", () => {
    const lossy = stream(ok.map((o, i): SampleOutcome => (i >= 15 && i < 25 ? "timeout" : o)));
    expect(disruptionOf(lossy, ...window(0, 2000), [])).toMatchObject({ lost: 5, longestGapMs: 600 });
    expect(disruptionOf(lossy, ...window(2000, 4000), [])).toMatchObject({
      lost: 5,
      longestGapMs: 1100,
      outages: [{ afterMs: -600, firstLostMs: 0, gapMs: 1100, lost: 5 }],
    });
  });

  test("without a loss there is no gap: the spacing of requests is none", () => {
    expect(disruptionOf(stream(ok), ...window(0, 4000), [])).toMatchObject({ lost: 0, longestGapMs: 0 });
  });

  test("the samples of an interval come with the last good one before it", () => {
    const columns = new SampleColumns();
    const outcomes = ok.with(18, "timeout").with(19, "timeout");
    for (const s of stream(outcomes).samples) columns.add(s);
    expect([...columns.since(2000)].map((s) => s.seq).slice(0, 4)).toEqual([17, 18, 19, 20]);
    expect([...columns.since(0)]).toHaveLength(40);
    expect([...columns.sentSince(2000)].map((s) => s.seq).slice(0, 2)).toEqual([20, 21]);
    expect([...new SampleColumns().since(0)]).toEqual([]);
  });
});

describe("lost time and pacing", () => {
  test("lost time is the sum of the gaps, however many outages are listed", () => {
    // Seven single losses, each in a gap of 200 ms, and a gap of 400 ms.
    const scattered = ok.map((o, i): SampleOutcome => (i % 4 === 2 && i < 28 ? "timeout" : o));
    const lossy = scattered.fill("refused", 31, 34);
    const d = disruptionOf(stream(lossy), ...window(0, 4000), []);
    expect(d).toMatchObject({ lost: 10, lostMs: 7 * 200 + 400, longestGapMs: 400, everyMs: 100 });
    expect(d.outages).toHaveLength(5);
    expect(disruptionOf(stream(ok), ...window(0, 4000), []).lostMs).toBe(0);
  });

  test("beside suites the pacing is that of the requests that were sent", () => {
    const samples = [...stream(ok).samples].map((s) => {
      const dueMs = s.seq < 10 ? s.seq * 100 : 900 + (s.seq - 9) * 2000;
      return { ...s, dueMs, sentMs: dueMs, endMs: dueMs + 1 };
    });
    const of = (fromMs: number) => disruptionOf(stream(ok, { samples }), ...window(fromMs, 60_000), []);
    expect(of(1000).everyMs).toBe(2000);
    expect(of(0).everyMs).toBe(2000);
    // Of one request only, that of the stream.
    expect(disruptionOf(stream(ok, { samples }), ...window(0, 50), []).everyMs).toBe(100);
  });

  test("an outage records what its first lost request said", () => {
    const details = ["name not resolved: no answer in 1000 ms", "10.1.1.68: connect ECONNREFUSED"];
    const lossy = ok.with(10, "timeout").with(11, "refused");
    const samples = [...stream(lossy).samples].map((s) =>
      s.outcome === "ok" ? s : { ...s, detail: details[s.seq - 10] ?? "" },
    );
    const [outage] = disruptionOf(stream(lossy, { samples }), ...window(0, 4000), []).outages;
    expect(outage?.firstLoss).toBe("timeout: name not resolved: no answer in 1000 ms");
  });
});

describe("attribution", () => {
  const lossy = ok.with(10, "timeout").with(11, "timeout");
  const events: MeshEvent[] = [
    { afterMs: 300, what: "agent of north on a terminating", cluster: "north" },
    { afterMs: 800, what: "agent of east on a terminating", cluster: "east", node: "a" },
    { afterMs: 900, what: "agent of north on b terminating", cluster: "north" },
    { afterMs: 1600, what: "agent of east on a ready", cluster: "east", node: "a" },
  ];

  test("an outage names the event before its first loss, its client's node and the last backend", () => {
    const d = disruptionOf(
      stream(lossy, {
        client: "east-worker",
        clusters: ["east", "west"],
        nodeOf: (pod) => (pod === "echo-west-1" ? "west-worker" : undefined),
      }),
      ...window(0, 4000),
      events,
    );
    expect(d.outages).toEqual([
      {
        afterMs: 900,
        gapMs: 300,
        lost: 2,
        firstLostMs: 1000,
        firstLoss: "timeout",
        cause: "agent of east on a terminating",
        client: "east-worker",
        backend: "echo-west-1 on west-worker",
      },
    ]);
  });

  test("a path whose policy changed its meaning is lost for that reason, however long ago that was", () => {
    const changed: MeshEvent = {
      afterMs: -300_000,
      what: "policy-default-local-cluster of east is true, was false",
      cluster: "east",
      kind: "policy meaning",
    };
    const of = (decidedBy: string) =>
      disruptionOf(stream(lossy, { decidedBy }), ...window(0, 4000), [changed, ...events]).outages[0]?.cause;
    expect(of("east")).toBe(changed.what);
    expect(of("west")).toBe("agent of north on b terminating");
  });

  test("an outage just after a disturbance made on purpose says so", () => {
    const made: MeshEvent = { afterMs: 950, what: "node east-worker of east reboots", kind: "disturbance" };
    const [outage] = disruptionOf(stream(lossy), ...window(0, 4000), [...events, made]).outages;
    expect(outage).toMatchObject({ cause: made.what, disturbance: true });
  });

  test("while a node is down on purpose, only paths that may use it are lost for that reason", () => {
    const reboot: MeshEvent = {
      ...{ afterMs: -40_000, untilMs: 2000, what: "node east-worker of east reboots" },
      ...({ cluster: "east", node: "east-worker", kind: "disturbance" } as const),
    };
    const of = (more: Partial<StandingStream>) =>
      disruptionOf(stream(lossy, { clusters: ["east", "west"], ...more }), ...window(0, 4000), [
        reboot,
        ...events,
      ]).outages[0];
    expect(of({})).toMatchObject({ cause: reboot.what, disturbance: true });
    expect(of({ server: "east-worker" })?.cause).toBe(reboot.what);
    expect(of({ client: "west-worker", server: "west-control-plane" })?.cause).toBe(
      "agent of east on a terminating",
    );
    expect(of({ clusters: ["west"] })?.cause).toBe("");
  });

  test("outages by disturbances take no place from those of the upgrade", () => {
    const every4th = ok.map((o, i): SampleOutcome => (i % 4 === 2 ? "timeout" : o));
    const made: MeshEvent = {
      ...({ afterMs: 0, untilMs: 1700, what: "node a of east reboots", kind: "disturbance" } as const),
    };
    const longAfter = Array<SampleOutcome>(200).fill("ok");
    const { outages } = disruptionOf(stream([...longAfter, ...every4th]), ...window(20_000, 24_000), [made]);
    const causes = outages.map((o) => o.disturbance === true);
    expect(causes.filter(Boolean)).toHaveLength(4);
    expect(causes.filter((c) => !c)).toHaveLength(5);
  });

  test("an outage names the paths with no mesh in them that lost something at the same time", () => {
    const of = (outcomes: readonly SampleOutcome[], cluster?: string) => ({
      ...controlLosses(
        { ...stream(outcomes), path: `control of ${cluster ?? "the machine"}` },
        ...window(0, 4000),
      ),
      ...(cluster === undefined ? {} : { cluster }),
    });
    const controls = [
      of(lossy),
      of(ok.with(30, "timeout"), "east"),
      of(lossy, "west"),
      of(lossy, "north"),
      { ...of(lossy), path: "east: pod to the other side" },
    ];
    const at = stream(lossy, { clusters: ["east", "west"], controls });
    expect(disruptionOf(at, ...window(0, 4000), []).outages[0]?.controls).toEqual([
      "control of the machine",
      "control of west",
    ]);
  });
});
