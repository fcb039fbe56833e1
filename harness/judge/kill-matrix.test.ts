import { describe, expect, test } from "vitest";
import { matches } from "#harness/lib/pattern.ts";
import type { HostSample } from "#harness/model/host-sample.ts";
import type { TestRecord } from "#harness/model/record.ts";
import { disturbances } from "./host.ts";
import { isSettled, judgeCell, killMatrix, notRun, requiredState, worstCells } from "./kill-matrix.ts";

const record = (name: string, outcome: TestRecord["outcome"], reason = ""): TestRecord => ({
  suite: "pod-to-pod",
  name,
  outcome,
  reasons: reason === "" ? [] : [reason],
  durationMs: 1,
  notes: {},
});
const expected = { mustFail: ["{1} -> {2} > TCP*"], mustPass: ["*ICMP*"], mayFail: ["*UDP*"] };
const clusters = ["east", "west"];
const context = { clusters, names: ["east-worker"] };
const state = (r: TestRecord) => judgeCell("vxlan-drop", r, expected, context).state;

describe("a cell of the kill matrix", () => {
  test("patterns: clusters by number, any text by *, nothing else is special", () => {
    expect(matches("{1} -> {2} > a (b) *", "east -> west > a (b) c\nd", clusters)).toBe(true);
    expect(matches("{1} -> {2}", "east -> west > more", clusters)).toBe(false);
    expect(matches("a.c", "abc")).toBe(false);
    expect(matches("{pair} > {from} to {to}", "west -> east > west to east", clusters)).toBe(true);
    expect(matches("{pair} > {from} to {to}", "west -> east > east to west", clusters)).toBe(false);
  });

  test("killed needs a failure message that names the target", () => {
    expect(state(record("east -> west > TCP x", "fail", "no answer from east-worker"))).toBe("killed");
    expect(state(record("east -> west > TCP x", "fail", "no answer"))).toBe("unnamed");
    expect(state(record("east -> west > TCP x", "fail", "no answer from lab--east-worker"))).toBe("unnamed");
    expect(state(record("east -> west > TCP x", "pass"))).toBe("survived");
  });

  test("a message that names only the cluster is weak", () => {
    const judged = (reason: string) =>
      judgeCell("f", record("east -> west > TCP x", "fail", reason), expected, { clusters, names: ["west"] })
        .state;
    for (const weak of ["west does not answer", "west: 3 of 4 requests lost", "cluster west failed at 10:00"])
      expect([weak, judged(weak)]).toEqual([weak, "weak"]);
    for (const strong of [
      "east/allowed -> west/server (10.2.1.7:8080/http): timeout, but policy allows it",
      "cluster west has 0 of 2 ready backends of mp-affinity/echo-west",
      "the kvstore of west does not answer: deadline exceeded",
      "east -> mcs-one-of-two:80: no import from west with an address",
      "ServiceImport mcs-plain in west is missing",
      "west: no EndpointSlice of mcs-headless from east",
      "waited 10 s for west's clustermesh-apiserver",
      "policy default-deny of west is not enforced",
    ])
      expect([strong, judged(strong)]).toEqual([strong, "killed"]);
  });

  test("a test that should stay green broke, one that may fail did not, an unknown says nothing", () => {
    expect(state(record("west -> east > TCP x", "fail", "east-worker"))).toBe("broke");
    expect(state(record("west -> east > UDP x", "fail", "east-worker"))).toBe("green");
    expect(state(record("west -> east > TCP x", "pass"))).toBe("green");
    expect(state(record("east -> west > TCP x", "unknown"))).toBe("unknown");
  });

  test("a test within its threshold must run and pass", () => {
    expect(state(record("east -> west > ICMP", "pass"))).toBe("green");
    expect(state(record("east -> west > ICMP", "fail", "east-worker"))).toBe("broke");
    const about = ["east -> west > TCP x", "east -> west > ICMP", "east -> west > UDP x", "x"].map((t) =>
      requiredState(expected, t, clusters),
    );
    expect(about).toEqual(["killed", "green", undefined, undefined]);
  });

  test("a test that should have failed and was not run is unknown, not a pass", () => {
    expect(notRun("f", "pod-to-pod > x")).toMatchObject({ state: "unknown", outcome: "unknown" });
  });

  test("a result of an earlier run is final if the fault killed every test that the current tables require and broke none", () => {
    const fault = { name: "g", group: "network", does: "", subject: "", durationMs: 1, run: "r", errors: [] };
    const killed = judgeCell("g", record("east -> west > TCP x", "fail", "east-worker"), expected, context);
    const test_ = "pod-to-pod > east -> west > TCP x";
    const must = { test: test_, state: "killed" } as const;
    expect(isSettled(fault, [killed], [must])).toBe(true);
    expect(isSettled({ ...fault, errors: ["healing failed"] }, [killed], [must])).toBe(false);
    expect(isSettled(fault, [killed], [must, { ...must, test: "pod-to-pod > a new one" }])).toBe(false);
    expect(isSettled(fault, [killed, notRun("g", test_)], [must])).toBe(false);
    const green = judgeCell("g", record("east -> west > ICMP", "pass"), expected, context);
    const within = { test: green.test, state: "green" } as const;
    expect(isSettled(fault, [killed, green], [must, within])).toBe(true);
    expect(isSettled(fault, [killed], [must, within])).toBe(false);
    expect(isSettled(fault, [], [])).toBe(false);
  });

  test("of a repeated test the worst cell counts", () => {
    const cellOf = (reason: string, outcome: TestRecord["outcome"] = "fail") =>
      judgeCell("f", record("east -> west > TCP x", outcome, reason), expected, context);
    const killed = cellOf("no answer from east-worker");
    const survived = cellOf("", "pass");
    const other = judgeCell("g", record("east -> west > TCP x", "unknown"), expected, context);
    expect(worstCells([killed, killed])).toEqual([killed]);
    expect(worstCells([killed, survived, killed, other])).toEqual([survived, other]);
    expect(worstCells([killed, cellOf("", "unknown")]).map((c) => c.state)).toEqual(["unknown"]);
  });

  test("survivors are listed, also faults that did not work, and so are tests that no fault killed", () => {
    const cells = [
      judgeCell("f", record("east -> west > TCP x", "pass"), expected, context),
      judgeCell("g", record("east -> west > TCP x", "fail", "east-worker"), expected, context),
    ];
    const fault = { group: "network", does: "", subject: "", durationMs: 1, run: "r" };
    const faults = [
      { ...fault, name: "f", errors: [] },
      { ...fault, name: "g", errors: ["healing failed"] },
    ];
    const test_ = "pod-to-pod > east -> west > TCP x";
    const matrix = killMatrix(faults, cells, [test_, "other > y"]);
    expect(matrix.survivors).toEqual(["g", `f: ${test_}`]);
    expect(matrix.unkilled).toEqual(["other > y"]);
  });
});

describe("disturbances of the host", () => {
  const sample = (atMs: number, over: Partial<HostSample> = {}): HostSample => ({
    atMs,
    busyCores: 1.5,
    labCores: 1.2,
    ownCores: 0.2,
    lateMs: 1,
    freeDiskBytes: 10 ** 10,
    dockerAnswers: true,
    ...over,
  });
  const limits = { foreignCores: 0.8, hostStallMs: 5000, freeDiskBytes: 2 ** 30 };
  const seconds = (over: (i: number) => Partial<HostSample>) =>
    Array.from({ length: 10 }, (_, i) => sample(i * 1000, over(i)));

  test("a busy lab is none; nor are two seconds of another program", () => {
    expect(
      disturbances(
        seconds(() => ({})),
        limits,
        0,
        10_000,
      ),
    ).toEqual([]);
    expect(
      disturbances(
        seconds((i) => (i < 2 ? { labCores: 0, busyCores: 2 } : {})),
        limits,
        0,
        10_000,
      ),
    ).toEqual([]);
  });

  test("hogged processors, a stall, a full disk and a lost daemon are each reported", () => {
    const reported = (over: Partial<HostSample>) =>
      disturbances(
        seconds(() => over),
        limits,
        0,
        10_000,
      ).join();
    expect(reported({ busyCores: 2, labCores: 0.5 })).toContain("other programs used 1.3 cores");
    expect(reported({ busyCores: 2, labCores: 0.5, foreignNames: ["etcd", "clang"] })).toContain(
      "other programs (etcd, clang) used 1.3 cores",
    );
    expect(reported({ lateMs: 6000 })).toContain("stood still for 6000 ms");
    expect(reported({ freeDiskBytes: 5 * 2 ** 20 })).toContain("5 MiB left");
    expect(reported({ dockerAnswers: false })).toContain("Docker");
  });

  test("a disturbance before the test does not count", () => {
    expect(
      disturbances(
        seconds((i) => (i < 4 ? { dockerAnswers: false } : {})),
        limits,
        5000,
        9000,
      ),
    ).toEqual([]);
  });
});
