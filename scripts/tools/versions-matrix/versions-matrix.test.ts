import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { TestRecord } from "#harness/model/record.ts";
import { pageFile, readMatrix } from "./files.ts";
import { entryOf, matrixPage, withEntries } from "./versions-matrix.ts";

type Run = Parameters<typeof entryOf>[0];
const testOf = (outcome: TestRecord["outcome"], over: object = {}) => ({
  ...{ suite: "policy", name: `a ${outcome}`, outcome, reasons: ["r"], durationMs: 1, notes: {} },
  ...over,
});
const cluster = (cilium: string) => ({
  ...{ name: "east", id: 1, podCidr: "", serviceCidr: "", nodes: [], nodeImage: "", nodeImageId: "" },
  ...{ kubernetes: "1.36.4", cilium },
});
const run = (tests: readonly ReturnType<typeof testOf>[], over: object = {}): Run => ({
  ...{ runId: "r1", commit: "0123456", profile: "default", fault: null },
  clusters: [cluster("1.20.2")],
  suites: [{ name: "policy", goal: "", method: "", errors: [], durationMs: 1, tests: [...tests] }],
  ...over,
});
const cell = (...tests: ReturnType<typeof testOf>[]) => {
  const [first] = entryOf(run(tests)).suites;
  return [first?.state, first?.why];
};

describe("a suite's cell", () => {
  test("pass only where every test passed; what is unsupported is said", () => {
    expect(cell(testOf("pass"))).toEqual(["pass", []]);
    expect(cell(testOf("pass"), testOf("unsupported"))).toEqual([
      "pass in part",
      ["1 of 2 tests unsupported: r"],
    ]);
    expect(cell(testOf("unsupported"))).toEqual(["unsupported", ["1 of 1 tests unsupported: r"]]);
    expect(cell()).toEqual(["not run", []]);
    expect(cell(testOf("pass"), testOf("unknown"))).toEqual(["unknown", ["unknown: a unknown"]]);
  });

  test("a failure is named, with the defect behind it; only an accepted one of a defect is a known defect", () => {
    const accepted = testOf("fail", { accepted: "D-1", defect: "D-1" });
    expect(cell(testOf("pass"), testOf("fail"))).toEqual(["fail", ["a fail"]]);
    expect(cell(testOf("fail", { defect: "D-1" }))).toEqual(["fail", ["D-1: a fail"]]);
    expect(cell(accepted)).toEqual(["known defect", ["D-1"]]);
    expect(cell(accepted, testOf("unsupported"))[1]).toEqual(["D-1", "1 of 2 tests unsupported: r"]);
    expect(cell(testOf("fail", { accepted: "policy > a" }))).toEqual(["accepted", ["accepted: a fail"]]);
    expect(cell(accepted, testOf("fail"))[0]).toBe("fail");
    expect(cell(accepted, testOf("unknown"))[0]).toBe("unknown");
  });
});

test.each([
  ["an unclean commit", { commit: "0123456-dirty" }, "not from a commit without changes"],
  ["a fault", { fault: "partition" }, "has fault partition"],
  ["two versions", { clusters: [cluster("1.20.2"), cluster("1.19.7")] }, "has not one version of cilium"],
])("%s is refused", (_, over, message) => {
  expect(() => entryOf(run([testOf("pass")], over))).toThrow(message);
});

test.each([
  ["default", {}],
  ["dual-stack", { labFile: "kind-configs/dual-stack/lab.yaml" }],
  ["native-routing", { labFile: "kind-configs/native-routing.yaml" }],
  ["kkp, own, outside the clone", { profile: "kkp", labFile: "own.yaml, outside the clone" }],
  ["default, 3 clusters", { clusters: ["1.20.2", "1.20.2", "1.20.2"].map(cluster) }],
])("a column for each lab: %s", (lab, over) => {
  expect(entryOf(run([testOf("pass")], over)).lab).toBe(lab);
});

test("a later run replaces the cells of its suites; each cell has its run and its commit", () => {
  const suite = (name: string, outcome: TestRecord["outcome"]) => ({
    ...{ name, goal: "", method: "", errors: [], durationMs: 1, tests: [testOf(outcome)] },
  });
  const first = run([], { suites: [suite("kvstore", "pass"), suite("policy", "fail")] });
  const again = run([], { runId: "r2", commit: "89abcde", suites: [suite("policy", "pass")] });
  const both = withEntries({ schema: 1, runs: [entryOf(first)] }, [entryOf(again)]);
  const page = matrixPage(both);
  expect(page).toMatch(/\| 2 +\| r2 +\| 1\.20\.2 +\| 1\.36\.4 +\| default +\| 89abcde +\|/);
  expect(page).toMatch(/\| kvstore +\| pass \(1\) +\|\n\| policy +\| pass \(2\) +\|/);
  expect(withEntries(both, [entryOf({ ...first, runId: "r3" })]).runs.map((r) => r.runId)).toEqual(["r3"]);
});

test("the page says a cell's state once", () => {
  const page = matrixPage({ schema: 1, runs: [entryOf(run([testOf("unknown"), testOf("skipped")]))] });
  expect(page).toMatch(/: unknown: a unknown; skipped: a skipped$/m);
  expect(page).not.toContain("unknown: unknown:");
});

test("docs/results/versions.md is what reports/published/versions.json gives", async () => {
  expect(readFileSync(pageFile(), "utf8")).toBe(matrixPage(await readMatrix()));
});
