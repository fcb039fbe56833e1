import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { exampleHistory } from "#harness/model/examples.ts";
import type { History, Sample, SampleOutcome } from "#harness/model/history.ts";
import type { HealthReport } from "#harness/model/snapshot.ts";
import { judgeNodeEntries, judgeRemoteCluster } from "./discovery.ts";
import { failoverFacts, judgeFailover } from "./failover.ts";
import { healthCells, judgeHealth } from "./health.ts";
import { judgePaths } from "./paths.ts";
import { judgeOutcomes } from "./policy.ts";
import { judgeSameSet } from "./sets.ts";
import { judgeShares } from "./shares.ts";

const rig = { latenessP99Ms: 250, stallMs: 1000, controlLossShare: 0.01 };
const everyMs = 5;

/** A made-up history: `at(ms)` gives the cluster that answers a request sent then, or how it is lost. */
function history(
  durationMs: number,
  at: (ms: number) => string | SampleOutcome,
  latenessMs: (ms: number) => number = () => 0.2,
): History {
  const samples: Sample[] = [];
  for (let seq = 0; seq * everyMs < durationMs; seq++) {
    const dueMs = seq * everyMs;
    const sentMs = dueMs + latenessMs(dueMs);
    const reported = at(dueMs);
    const lost = ["timeout", "refused", "reset"].includes(reported);
    samples.push({
      seq,
      dueMs,
      sentMs,
      endMs: sentMs + 1,
      outcome: lost ? (reported as SampleOutcome) : "ok",
      ...(lost ? {} : { cluster: reported }),
    });
  }
  const control = samples.filter((s) => s.seq % 4 === 0).map((s): Sample => ({ ...s, outcome: "ok" }));
  return exampleHistory({ everyMs, samples, control });
}

const expectation = { from: ["east"], to: ["west"], withinMs: 2000, sinceMs: 1000, rig };

describe("failover", () => {
  test("an outage within the budget passes, and its figures are reported", () => {
    const h = history(8000, (ms) => (ms < 1100 ? "east" : ms < 1600 ? "refused" : "west"));
    expect(judgeFailover(h, expectation)).toEqual({ outcome: "pass", reasons: [] });
    expect(failoverFacts(h, expectation)).toMatchObject({
      lost: 100,
      outageMs: 505,
      lostTimeMs: 505,
      bursts: 1,
      firstLossMs: 1100.2,
      firstNewMs: 1601.2,
      stableAgainMs: 1600.2,
      lastOldMs: 1096.2,
    });
  });

  test("the length of the outage decides, whatever its shape", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.integer({ min: 0, max: 3 }), (requests, flap) => {
        const untilMs = 1100 + requests * everyMs;
        const h = history(untilMs + 6000, (ms) =>
          ms < 1100
            ? "east"
            : ms < untilMs
              ? flap > 0 && ms % 100 < flap * 5 && ms > 1100 && ms < untilMs - 20
                ? "west"
                : "timeout"
              : "west",
        );
        const facts = failoverFacts(h, expectation);
        expect(facts.outageMs).toBeGreaterThanOrEqual(requests * everyMs);
        expect(facts.outageMs).toBeLessThanOrEqual(requests * everyMs + 2 * everyMs);
        const late = (facts.firstNewMs ?? 0) - expectation.sinceMs > 2000;
        expect(judgeFailover(h, expectation).outcome).toBe(facts.lostTimeMs > 2000 || late ? "fail" : "pass");
      }),
    );
  });

  test.each([
    ["no cluster took over", history(7000, (ms) => (ms < 1100 ? "east" : "timeout")), /west never answered/],
    [
      "the old side kept answering",
      history(7000, (ms) => (ms % 10 === 0 ? "east" : "west")),
      /east still answered/,
    ],
    [
      "still losing at the end",
      history(7000, (ms) => (ms < 1100 ? "east" : ms % 50 === 0 ? "reset" : "west")),
      /still being lost/,
    ],
  ])("%s: red", (_name, h, message) => {
    const verdict = judgeFailover(h, expectation);
    expect(verdict.outcome).toBe("fail");
    expect(verdict.reasons.join("\n")).toMatch(message);
    expect(verdict.reasons.join("\n")).toContain("east/w -> 10.0.0.1:80");
  });

  test("a first answer after the deadline is late, although nothing was lost until then", () => {
    const h = history(9000, (ms) => (ms < 3200 ? "east" : "west"));
    expect(judgeFailover(h, expectation)).toEqual({
      outcome: "fail",
      reasons: [
        "east/w -> 10.0.0.1:80, east to west: the first answer of west came 2.2s after the fault, too late for the budget of 2000 ms",
      ],
    });
    expect(judgeFailover(h, { ...expectation, withinMs: 2300 }).outcome).toBe("pass");
  });

  test("a rig that stood still makes the verdict unknown, pass or fail", () => {
    const h = history(
      8000,
      (ms) => (ms < 1100 ? "east" : "west"),
      (ms) => (ms > 2000 && ms < 3500 ? 3500 - ms : 0),
    );
    expect(judgeFailover(h, expectation).outcome).toBe("unknown");
  });

  test("no samples, missing samples and a lossy control are unknown", () => {
    const h = history(8000, () => "east");
    expect(judgeFailover({ ...h, samples: [] }, expectation).outcome).toBe("unknown");
    expect(
      judgeFailover({ ...h, samples: [...h.samples].filter((s) => s.seq !== 300) }, expectation).outcome,
    ).toBe("unknown");
    expect(
      judgeFailover(
        { ...h, control: [...h.control].map((s) => ({ ...s, outcome: "timeout" as const })) },
        expectation,
      ).outcome,
    ).toBe("unknown");
    expect(judgeFailover({ ...h, control: [] }, expectation).outcome).toBe("unknown");
  });
});

describe("shares", () => {
  const served = (good: readonly string[]) => ({ good, bad: [] });

  test("a request without an answer is a failure that shows it", () => {
    const reported = judgeShares(
      "x",
      { good: ["a", "b"], bad: ["east/n -> 10.0.0.1: timeout"] },
      ["a", "b"],
      1e-6,
    );
    expect(reported.outcome).toBe("fail");
    expect(reported.reasons.join()).toContain("1 of 3 requests were not answered, such as east/n");
  });

  test("a fair sample passes, an unknown pod and a silent backend do not", () => {
    const fair = Array.from({ length: 400 }, (_, i) => `pod-${i % 4}`);
    const pods = ["pod-0", "pod-1", "pod-2", "pod-3"];
    expect(judgeShares("x", served(fair), pods, 1e-6).outcome).toBe("pass");
    expect(judgeShares("x", served(fair), [...pods, "pod-4"], 1e-6).reasons.join()).toContain(
      "pod-4 never answered",
    );
    expect(judgeShares("x", served(fair), pods.slice(1), 1e-6).reasons.join()).toContain(
      "pod-0, which should not serve",
    );
    expect(
      judgeShares(
        "x",
        served([...fair, ...Array.from({ length: 400 }, () => "pod-0")]),
        pods,
        1e-6,
      ).reasons.join(),
    ).toContain("pod-0 had");
    expect(judgeShares("x", served([]), pods, 1e-6).outcome).toBe("fail");
    expect(judgeShares("x", served(fair), [], 1e-6).outcome).toBe("fail");
  });
});

test("sets: missing and surplus by name; nothing expected proves nothing", () => {
  expect(judgeSameSet("nodes", ["a", "b"], ["b", "a"]).outcome).toBe("pass");
  expect(judgeSameSet("nodes", ["a", "c"], ["a", "b"]).reasons).toEqual([
    "nodes: missing b",
    "nodes: should not have c",
  ]);
  expect(judgeSameSet("nodes", [], []).outcome).toBe("fail");
});

describe("health", () => {
  const requested = Date.parse("2026-11-21T12:00:00Z");
  const path = { status: "", latencyNs: 500_000, lastProbed: "2026-11-21T12:00:05Z" };
  const target = { ip: "10.0.0.1", icmp: path, http: path };
  const report = (over: Partial<HealthReport["nodes"][number]> = {}): HealthReport => ({
    local: "east/a",
    timestamp: "",
    probeIntervalMs: 22_000,
    nodes: [{ name: "west/b", host: target, endpoint: target, ...over }],
  });

  test("passes if every path was probed after the request", () => {
    expect(judgeHealth(healthCells([report()], ["west/b"], requested), ["east/a"]).outcome).toBe("pass");
  });

  test.each([
    ["a missing node", report({ name: "west/c" }), "the node is not in the matrix"],
    ["a missing path", report({ endpoint: { ip: "10.0.0.2", icmp: path } }), "endpoint HTTP unknown"],
    [
      "a stale path",
      report({ host: { ...target, http: { ...path, lastProbed: "2026-11-21T11:59:59Z" } } }),
      "host HTTP stale",
    ],
    [
      "a failed path",
      report({ host: { ...target, icmp: { ...path, status: "Connection timed out" } } }),
      "host ICMP failed: Connection timed out",
    ],
    ["no endpoint", { ...report(), nodes: [{ name: "west/b", host: target }] }, "endpoint ICMP unknown"],
  ])("%s is red and names the pair", (_name, bad, message) => {
    const reasons = judgeHealth(healthCells([bad], ["west/b"], requested), ["east/a"]).reasons.join("\n");
    expect(reasons).toContain("east/a -> west/b");
    expect(reasons).toContain(message);
  });

  test("an agent that gave no report is named", () => {
    expect(judgeHealth(healthCells([report()], ["west/b"], requested), ["east/a", "east/z"]).reasons).toEqual(
      ["east/z gave no health report"],
    );
  });
});

describe("discovery", () => {
  const remote = {
    name: "west",
    connected: true,
    ready: true,
    status: "",
    config: { required: true, retrieved: true, clusterId: 2, kvstoreMesh: true },
    counts: { nodes: 2, endpoints: 5, identities: 4, services: 1 },
    synced: { nodes: true, endpoints: true, identities: true, services: true },
  };
  const truth = { ...remote.counts, endpointSlices: 3 };
  const west = { name: "west", id: 2 };
  test("an agent that reads EndpointSlices is judged by their number, not by the services'", () => {
    const reads = {
      ...remote,
      counts: { ...remote.counts, services: 0, endpointSlices: 3 },
      synced: { ...remote.synced, endpointSlices: true },
    };
    expect(judgeRemoteCluster("east/a", west, reads, truth).outcome).toBe("pass");
    // Cilium leaves out a count of zero.
    const none = { ...reads, counts: { ...remote.counts, services: 0 } };
    expect(judgeRemoteCluster("east/a", west, none, truth).reasons.join()).toContain(
      "shows 0 endpointSlices, its API server has 3",
    );
    const open = { ...reads, synced: { ...reads.synced, endpointSlices: false } };
    expect(judgeRemoteCluster("east/a", west, open, truth).reasons.join()).toContain(
      "has not synchronised its endpointSlices",
    );
    // Without the export mode of 1.20 in the peer, neither form is read.
    const neither = { ...remote, counts: { ...remote.counts, services: 0 } };
    expect(judgeRemoteCluster("east/a", west, neither, truth).outcome).toBe("fail");
  });
  test("each deviation is reported", () => {
    expect(judgeRemoteCluster("east/a", west, remote, truth).outcome).toBe("pass");
    expect(judgeRemoteCluster("east/a", west, undefined, truth).reasons).toEqual([
      "east/a knows no remote cluster west",
    ]);
    expect(judgeRemoteCluster("east/a", { name: "west", id: 3 }, remote, truth).reasons.join()).toContain(
      "has id 2, expected 3",
    );
    expect(
      judgeRemoteCluster(
        "east/a",
        west,
        { ...remote, counts: { ...truth, endpoints: 4 } },
        truth,
      ).reasons.join(),
    ).toContain("shows 4 endpoints, its API server has 5");
    expect(
      judgeRemoteCluster(
        "east/a",
        west,
        { ...remote, synced: { ...remote.synced, services: false } },
        truth,
      ).reasons.join(),
    ).toContain("has not synchronised its services");
  });
  test("addresses and pod CIDRs are compared", () => {
    const reported = [
      {
        name: "west/b",
        addresses: [{ ip: "172.18.0.9", type: "InternalIP" }],
        podCidrs: ["10.2.0.0/24"],
        healthIp: "",
      },
    ];
    expect(
      judgeNodeEntries("east/a", reported, [
        { name: "west/b", address: "172.18.0.2", podCidr: "10.2.1.0/24" },
      ]).reasons,
    ).toHaveLength(2);
  });
});

test("paths: silence, a wrong answer and a path that was not tried", () => {
  const ok = { outcome: "ok" as const, body: "pod", detail: "", ms: 1 };
  const good = { from: "a", to: "b", expectedBody: "pod", answers: [ok] };
  expect(judgePaths([good], 1).outcome).toBe("pass");
  expect(judgePaths([good], 2).outcome).toBe("fail");
  expect(judgePaths([], 0).outcome).toBe("fail");
  expect(judgePaths([{ ...good, answers: [] }], 1).outcome).toBe("fail");
  expect(judgePaths([{ ...good, answers: [{ ...ok, body: "other" }] }], 1).reasons.join()).toContain(
    "answered by other",
  );
  expect(judgePaths([{ ...good, answers: [{ ...ok, outcome: "timeout" }] }], 1).reasons.join()).toContain(
    "a -> b: timeout",
  );
});

test("policy: a drop is a timeout, a refusal is an answer, an error of the rig is neither", () => {
  const path = (outcome: SampleOutcome) => ({ from: "a", to: "b", outcome, detail: "" });
  expect(
    judgeOutcomes([
      { path: path("ok"), open: true },
      { path: path("timeout"), open: false },
    ]).outcome,
  ).toBe("pass");
  expect(judgeOutcomes([{ path: path("refused"), open: false }]).outcome).toBe("fail");
  expect(judgeOutcomes([{ path: path("timeout"), open: true }]).outcome).toBe("fail");
  expect(judgeOutcomes([{ path: path("error"), open: false }]).outcome).toBe("unknown");
  expect(judgeOutcomes([]).outcome).toBe("unknown");
});
