import { expect, test } from "vitest";
import type { RunRecord, SuiteRecord } from "#harness/model/record.ts";
import { failedFaultsOf, failedOf, requireSameLab, requireSameVersions } from "./failed-of.ts";

const suite = (name: string, outcomes: Record<string, "pass" | "fail" | "unknown">, errors: string[] = []) =>
  ({
    name,
    errors,
    tests: Object.entries(outcomes).map(([title, outcome]) => ({ suite: name, name: title, outcome })),
  }) as unknown as SuiteRecord;
const run = {
  runId: "r1",
  lab: "a",
  clusters: [{ name: "east", cilium: "1.19.4", kubernetes: "1.34.4" }],
  suites: [
    suite("fails", { one: "fail", two: "pass", three: "unknown" }),
    suite("no-set-up", { never: "pass" }, ["it broke"]),
    suite("disturbed", { one: "pass", "set-up and clean-up": "unknown" }),
    suite("green", { one: "pass" }),
    suite("meshproof", { timeout: "unknown" }),
  ],
} as unknown as RunRecord;

test("tests that failed, were unknown or had a set-up error are repeated", () => {
  expect(failedOf(run, new Set(["fails", "no-set-up", "disturbed", "green"]))).toEqual([
    { suite: "fails", test: "one" },
    { suite: "fails", test: "three" },
    { suite: "no-set-up" },
    { suite: "disturbed" },
  ]);
});

test("a failure that the user accepted is not repeated", () => {
  const tests = ["one", "two"].map((name) => ({ suite: "a", name, outcome: "fail" }));
  const suites = [{ name: "a", errors: [], tests: [{ ...tests[0], accepted: "CVE-1" }, tests[1]] }];
  expect(failedOf({ ...run, suites } as unknown as RunRecord, new Set(["a"]))).toEqual([
    { suite: "a", test: "two" },
  ]);
});

test("tests that an interrupted run never began are repeated too", () => {
  const skipped = (name: string, reason: string) => ({
    suite: "a",
    name,
    outcome: "skipped",
    reasons: [reason],
  });
  const tests = [
    skipped("left out", "the series already contains it"),
    skipped("never began", "interrupted"),
  ];
  const cut = { ...run, suites: [{ name: "a", errors: [], tests }] } as unknown as RunRecord;
  expect(failedOf(cut, new Set(["a"]))).toEqual([{ suite: "a", test: "never began" }]);
});

test("a failed suite that is not known, and a run with nothing to repeat, are refused by name", () => {
  expect(() => failedOf(run, new Set(["no-set-up", "disturbed", "green"]))).toThrow(
    /suite fails, which is unknown/,
  );
  const green = { ...run, suites: [suite("green", { one: "pass" }), suite("meshproof", { up: "unknown" })] };
  expect(() => failedOf(green as RunRecord, new Set(["green"]))).toThrow(/r1 has nothing to repeat/);
});

test("a run of another lab or other versions is refused by name", () => {
  expect(() => requireSameLab(run, "b")).toThrow("run r1 used lab a, not b");
  expect(() => requireSameVersions(run, run.clusters)).not.toThrow();
  const newer = run.clusters.map((c) => ({ ...c, cilium: "1.20.0" }));
  expect(() => requireSameVersions(run, newer)).toThrow(/r1 used other versions .*1\.19\.4.*1\.20\.0/);
});

const proved = (states: Record<string, string>, errors: readonly string[] = []) =>
  ({
    ...run,
    suites: [suite("policy", {})],
    killMatrix: {
      faults: [...Object.keys(states), ...errors].map((name) => ({
        name,
        errors: errors.includes(name) ? ["it did not work"] : [],
      })),
      cells: Object.entries(states).map(([fault, state]) => ({ fault, test: "affinity > t", state })),
    },
  }) as unknown as RunRecord;

test("faults that survived, were unnamed, unknown or broke too much, and injections that failed, are tried again", () => {
  const states = { a: "killed", b: "survived", c: "unnamed", d: "unknown", e: "broke", f: "green" };
  expect(failedFaultsOf(proved(states, ["g"]))).toEqual({
    faults: ["b", "c", "d", "e", "g"],
    suites: ["policy"],
  });
  // One that ended with its first survivor ran no suite on the healed mesh.
  const cut = { ...proved(states), suites: [] };
  expect(failedFaultsOf(cut).suites).toEqual(["affinity"]);
});

test("a run of another command, and one whose faults were all settled, are refused by name", () => {
  expect(() => failedFaultsOf(run)).toThrow("r1 is not a run of prove");
  expect(() => failedFaultsOf(proved({ a: "killed" }))).toThrow(/r1 has no fault to repeat/);
});
