import { expect, test } from "vitest";
import { type RunRecord, totalsOf } from "#harness/model/record.ts";
import { mergedRun } from "./merge-reports.ts";

function run(runId: string, outcomes: Record<string, "pass" | "fail" | "unknown">, cilium = "1.19.4") {
  const suites = Object.entries(outcomes).map(([name, outcome]) => ({
    name,
    goal: "",
    method: "",
    errors: [],
    durationMs: 5,
    tests: [{ suite: name, name: "one", outcome, reasons: [], durationMs: 5, notes: {} }],
  }));
  return {
    runId,
    startedAt: `2026-01-0${runId.slice(-1)}`,
    durationMs: 10,
    meshproof: "1",
    profile: "default",
    fault: null,
    clusters: [{ name: "east", cilium, kubernetes: "1.34.4" }],
    suites,
    totals: totalsOf(suites),
    exitCode: 0,
  } as unknown as RunRecord;
}

test("shards become one run, with its totals and exit code", () => {
  const merged = mergedRun([run("r2", { a: "pass" }), run("r1", { b: "fail" })], "m", "report merge");
  expect(merged).toMatchObject({ runId: "m", startedAt: "2026-01-01", exitCode: 1 });
  expect(merged.totals).toMatchObject({ pass: 1, fail: 1 });
  expect(mergedRun([run("r1", { a: "pass" }), run("r2", { b: "unknown" })], "m", "").exitCode).toBe(3);
  expect(mergedRun([run("r1", { a: "pass" }), run("r2", { b: "pass" })], "m", "").exitCode).toBe(0);
});

test("a test that several shards ran has its worst outcome", () => {
  const merged = mergedRun([run("r1", { a: "pass" }), run("r2", { a: "fail" })], "m", "");
  expect(merged.suites.map((s) => s.tests.map((t) => t.outcome))).toEqual([["fail"]]);
});

test("a shard that ended before its lab was up is merged, and does not pass", () => {
  const ended = { ...run("r2", { meshproof: "unknown" }), clusters: [], profile: "unknown" } as RunRecord;
  const merged = mergedRun([ended, run("r1", { a: "pass" })], "m", "");
  expect(merged).toMatchObject({ exitCode: 3, profile: "default", clusters: [{ name: "east" }] });
});

test("runs with different versions are refused by name", () => {
  expect(() => mergedRun([run("r1", {}), run("r2", {}, "1.20.0")], "m", "")).toThrow(
    /r1 and r2 are not shards of one run: .*1\.19\.4.*1\.20\.0/,
  );
});
