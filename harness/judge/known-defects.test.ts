import { describe, expect, test } from "vitest";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import { exitCodeOf, type SuiteRecord, type TestRecord, totalsOf } from "#harness/model/record.ts";
import type { DefectCluster } from "#harness/semantics/affected.ts";
import { unusedOf, withKnownDefect } from "./known-defects.ts";

const defect: KnownDefect = {
  id: "CVE-1",
  what: "a policy lets everybody in",
  affected: [">=1.19.0 <=1.19.4"],
  fixedIn: ["1.19.5"],
  when: { "policy-default-local-cluster": "true" },
  tests: [{ suite: "policy", test: "{cluster}: ipBlock *" }],
  source: ["advisory"],
};
const cluster = (name: string, cilium: string, on: boolean): DefectCluster => ({
  name,
  cilium,
  settings: { "policy-default-local-cluster": String(on) },
});
const record = (name: string, outcome: TestRecord["outcome"]): TestRecord => ({
  suite: "policy",
  name,
  outcome,
  reasons: outcome === "pass" ? [] : ["east/denied got an answer"],
  durationMs: 1,
  notes: {},
});
const suite = (...tests: TestRecord[]): SuiteRecord => ({
  name: "policy",
  goal: "",
  method: "",
  errors: [],
  durationMs: 1,
  tests,
});
const judge = (
  tests: TestRecord[],
  clusters: DefectCluster[],
  { accepted = [], judgeList = true }: { accepted?: string[]; judgeList?: boolean } = {},
) => {
  const options = { defects: [defect], clusters, accepted, judgeList };
  return suite(...tests.map((t) => withKnownDefect(t, options)));
};

describe("a failing test", () => {
  const affected = [cluster("east", "1.19.4", true), cluster("west", "1.19.4", false)];

  test("of an affected cluster names the defect and the fixed version", () => {
    const [first] = judge([record("east: ipBlock denies", "fail")], affected).tests;
    expect(first).toMatchObject({ outcome: "fail", defect: "CVE-1" });
    expect(first?.reasons).toEqual([
      "known defect CVE-1: a policy lets everybody in (fixed in Cilium 1.19.5)",
      "east/denied got an answer",
    ]);
  });

  test.each([
    ["whose cluster has another setting", "west: ipBlock denies", affected],
    ["of another version", "east: ipBlock denies", [cluster("east", "1.20.2", true)]],
    ["with another title", "east: something else", affected],
  ])("%s is no known defect", (_, name, clusters) => {
    expect(judge([record(name, "fail")], clusters).tests[0]?.defect).toBeUndefined();
  });

  test("of a repetition is the same test", () => {
    expect(judge([record("east: ipBlock denies (2 of 3)", "fail")], affected).tests[0]?.defect).toBe("CVE-1");
  });

  test.each([["CVE-1"], ["policy > east: ipBlock denies"]])(
    "accepted as %s stays a failure and counts as none",
    (accepted) => {
      const tests = [record("east: ipBlock denies", "fail"), record("other", "pass")];
      const judged = judge(tests, affected, { accepted: [accepted] });
      expect(judged.tests[0]).toMatchObject({ outcome: "fail", accepted });
      const totals = totalsOf([judged]);
      expect(totals).toMatchObject({ pass: 1, fail: 0, accepted: 1 });
      expect(exitCodeOf(totals)).toBe(0);
    },
  );
});

describe("a defect that several tests and values show", () => {
  const wide: KnownDefect = {
    ...defect,
    when: { mode: ["prefer-new", "only-new"], slices: [null, "false"] },
    tests: [
      { suite: "services", test: "{cluster} > *" },
      { suite: "affinity", test: "* -> {cluster} > one" },
      { suite: "affinity", test: "* > all" },
    ],
  };
  const inMode = (name: string, mode?: string, slices?: string): DefectCluster => ({
    name,
    cilium: "1.19.4",
    settings: { mode, slices },
  });
  const seen = (suite: string, name: string, mode: string | undefined, slices?: string) =>
    withKnownDefect(
      { ...record(name, "fail"), suite },
      {
        defects: [wide],
        clusters: [inMode("east"), inMode("west", mode, slices)],
        accepted: [],
        judgeList: true,
      },
    ).defect;

  test.each(["prefer-new", "only-new"])("is behind each of them with %s", (mode) => {
    expect(seen("services", "west > any", mode)).toBe("CVE-1");
    expect(seen("services", "west > any", mode, "false")).toBe("CVE-1");
    expect(seen("services", "west > any", mode, "true")).toBeUndefined();
    expect(seen("affinity", "east -> west > one", mode)).toBe("CVE-1");
    expect(seen("affinity", "east -> west > all", mode)).toBe("CVE-1");
  });

  test.each([
    ["a value that is not listed", "services", "west > any", "prefer-old"],
    ["no value", "services", "west > any", undefined],
    ["the pattern of another suite", "services", "east -> west > one", "only-new"],
    ["another suite", "policy", "west > any", "only-new"],
    ["another cluster", "services", "east > any", "only-new"],
  ])("is not behind %s", (_, suite, name, mode) => {
    expect(seen(suite, name, mode)).toBeUndefined();
  });
});

test("a test that did not run shows no defect", () => {
  const notes = { unsupported: { capability: "loadBalancer", reason: "nothing gives addresses" } };
  const unexpected = { ...record("east: ipBlock denies", "fail"), notes };
  const clusters = [cluster("east", "1.19.4", true)];
  const [judged] = judge([unexpected], clusters, { accepted: ["CVE-1"] }).tests;
  expect(judged).toEqual(unexpected);
  const title = "policy > east: ipBlock denies";
  expect(judge([unexpected], clusters, { accepted: [title] }).tests[0]?.accepted).toBe(title);
});

describe("a test that passes", () => {
  const clusters = [cluster("east", "1.19.4", true)];
  const passed = [record("east: ipBlock denies", "pass")];

  test("although the list says that it is affected fails, because the list is wrong", () => {
    expect(judge(passed, clusters).tests[0]).toMatchObject({
      outcome: "fail",
      reasons: [expect.stringContaining("affected by CVE-1")],
    });
  });

  test("is not accepted with the defect, only by its own name", () => {
    expect(judge(passed, clusters, { accepted: ["CVE-1"] }).tests[0]?.accepted).toBeUndefined();
    const title = "policy > east: ipBlock denies";
    expect(judge(passed, clusters, { accepted: [title] }).tests[0]).toMatchObject({
      outcome: "fail",
      accepted: title,
    });
  });

  test("under a fault says nothing of the list", () => {
    expect(judge(passed, clusters, { judgeList: false }).tests[0]).toEqual(passed[0]);
  });
});

test("an accepted name that no failure needed is unused, whether it is an id or a test", () => {
  const tests = [
    { ...record("a", "fail"), accepted: "CVE-1" },
    { ...record("b", "pass") },
    { ...record("c", "fail"), accepted: "policy > c" },
  ];
  expect(unusedOf(["CVE-1", "CVE-2", "policy > b", "policy > c", "CVE-2"], tests)).toEqual([
    "CVE-2",
    "policy > b",
  ]);
});
