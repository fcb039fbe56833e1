import { describe, expect, test } from "vitest";
import { MeshproofError } from "#harness/lib/errors.ts";
import { exampleHistory } from "#harness/model/examples.ts";
import type { Sample } from "#harness/model/history.ts";
import type { HostSample } from "#harness/model/host-sample.ts";
import { controlTroubles, judgeErrors } from "./blame.ts";
import { disturbances, unsampled } from "./host.ts";

const timeout = new MeshproofError("timeout", "waited 12.3s for the EndpointSlices");
const request = new MeshproofError("kube-request", "east: list pods: HTTP 500");
const assertion = new Error("expected 1 to be 2");
const silent = new MeshproofError("probe-failed", "silent");
const quiet = { host: [], control: [] };
const busy = { host: ["other programs used 2.0 cores for 12 s (limit 0.8)"], control: [] };
const late = { host: [], control: ["the prober at east/n1 stood still for 3000 ms (limit 1000 ms)"] };

describe("blame", () => {
  test.each([
    ["a timeout on an idle machine", [timeout], quiet, "fail"],
    ["a request on an idle machine", [request], quiet, "fail"],
    ["an assertion on an idle machine", [assertion], quiet, "fail"],
    ["no error on an idle machine", [], quiet, "pass"],
    ["a timeout on a busy machine", [timeout], busy, "unknown"],
    ["a request on a busy machine", [request], busy, "unknown"],
    ["an assertion on a busy machine", [assertion], busy, "unknown"],
    ["no error on a busy machine", [], busy, "unknown"],
    ["a timeout beside a late prober", [timeout], late, "unknown"],
    ["a request and a timeout beside a late prober", [request, timeout], late, "unknown"],
    ["an assertion beside a late prober", [assertion], late, "fail"],
    ["an assertion and a timeout beside a late prober", [timeout, assertion], late, "fail"],
    ["no error beside a late prober", [], late, "pass"],
    ["a prober that failed", [silent], quiet, "unknown"],
    [
      "a prober that failed during a wait",
      [new MeshproofError("timeout", "x", { cause: silent })],
      quiet,
      "unknown",
    ],
    ["a prober that failed, and an assertion", [silent, assertion], quiet, "fail"],
  ])("%s", (_name, errors, troubles, outcome) => {
    expect(judgeErrors(errors, troubles).outcome).toBe(outcome);
  });

  test("an interval without host samples is not judged: a pass is unknown, an error stands", () => {
    const blind = { ...quiet, unsampled: ["the host was not sampled at all"] };
    expect(judgeErrors([], blind)).toEqual({
      outcome: "unknown",
      reasons: ["not judged: the host was not sampled at all"],
    });
    expect(judgeErrors([assertion], blind).outcome).toBe("fail");
  });

  test("the reasons name the trouble", () => {
    expect(judgeErrors([timeout], busy).reasons).toEqual([`the test machine was disturbed: ${busy.host[0]}`]);
    expect(judgeErrors([timeout], late).reasons).toEqual([
      `the test machine was disturbed: ${late.control[0]}`,
    ]);
  });
});

describe("a prober's record", () => {
  const limits = { latenessP99Ms: 200, stallMs: 1000, controlLossShare: 0.01 };
  const samples = (lateMs: (dueMs: number) => number, outcome: Sample["outcome"] = "ok") =>
    Array.from({ length: 200 }, (_, seq): Sample => {
      const sentMs = seq * 50 + lateMs(seq * 50);
      return { seq, dueMs: seq * 50, sentMs, endMs: sentMs + 1, outcome };
    });
  const inTime = samples(() => 0.2);
  const troubles = (sent: Sample[], control: Sample[]) =>
    controlTroubles(exampleHistory({ everyMs: 50, samples: sent, control }), limits);

  test("shows no trouble if it was on time, whatever the mesh lost", () => {
    expect(
      troubles(
        samples(() => 0.2, "timeout"),
        inTime,
      ),
    ).toEqual([]);
  });
  test("reports requests that were sent late and control requests that were lost", () => {
    expect(
      troubles(
        samples((ms) => (ms === 5000 ? 3000 : 0.2)),
        inTime,
      ).join(),
    ).toContain("stood still for 3000 ms");
    expect(
      troubles(
        inTime,
        samples(() => 0.2, "timeout"),
      ).join(),
    ).toContain("control requests");
  });
  test("is no evidence while the prober starts, nor without a control request", () => {
    expect(
      troubles(
        samples((ms) => (ms < 500 ? 3000 : 0.2)),
        inTime,
      ),
    ).toEqual([]);
    expect(
      troubles(
        samples(() => 3000),
        [],
      ),
    ).toEqual([]);
  });
});

describe("samples that a busy machine takes rarely", () => {
  const limits = { foreignCores: 0.8, hostStallMs: 5000, freeDiskBytes: 2 ** 30 };
  const sample = (atMs: number, busyCores: number, over: Partial<HostSample> = {}): HostSample => ({
    atMs,
    busyCores,
    labCores: 0.5,
    ownCores: 0.1,
    lateMs: 1,
    freeDiskBytes: 10 ** 10,
    dockerAnswers: true,
    ...over,
  });
  test("count for the time that they cover", () => {
    const seldom = [sample(1000, 0.7), sample(6500, 2), sample(12_000, 2), sample(13_000, 0.7)];
    expect(disturbances(seldom, limits, 2000, 12_000)).toEqual([
      "other programs used 1.4 cores for 11 s (limit 0.8)",
    ]);
  });
  test("a sample that arrives after the interval and covers it counts", () => {
    const after = [sample(1000, 0.7), sample(9000, 2, { lateMs: 7000 })];
    expect(disturbances(after, limits, 1500, 3000).join()).toMatch(
      /1\.4 cores for 8 s.*stood still for 7000 ms/,
    );
  });
  test("an interval without a sample shows no trouble", () => {
    const elsewhere = [sample(1000, 2), sample(2000, 2), sample(3000, 2), sample(4000, 2)];
    expect(disturbances(elsewhere, limits, 20_000, 25_000)).toEqual([]);
    expect(disturbances([], limits, 0, 1000)).toEqual([]);
  });

  test("an interval is sampled if every part of it is, but for a sample that is due", () => {
    const samples = [1000, 2000, 3000, 12_000, 13_000].map((atMs) => sample(atMs, 0.7));
    const missing = (sinceMs: number, untilMs: number) => unsampled(samples, limits, sinceMs, untilMs);
    expect(missing(500, 3000)).toEqual([]);
    expect(missing(2500, 2600)).toEqual([]);
    expect(missing(12_500, 15_000)).toEqual([]);
    expect(missing(4000, 5000)).toEqual(["the host was not sampled for 9.0 s"]);
    expect(missing(12_500, 20_000)).toEqual(["the host was not sampled for 7.0 s"]);
    expect(missing(-9000, 2000)).toEqual(["the host was not sampled for 9.0 s"]);
    expect(missing(-3000, -2000)).toEqual(["the host was not sampled for 1.0 s"]);
    expect(unsampled([], limits, 0, 1000)).toEqual(["the host was not sampled at all"]);
  });
});
