import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Observation, type Timing, timingTopics } from "#harness/model/timing.ts";
import { pageFile, readTimings } from "./files.ts";
import { publishedRun, timingsPage, withRuns } from "./timings.ts";

const observation = (value: number | null, over: Partial<Observation> = {}): Observation => ({
  ...{ what: "endpoint added", unit: "ms", value, watchedMs: 12_000, errorMs: 5.2 },
  ...{ of: "east", at: "west/worker", round: 1 },
  ...over,
});
const timing = (values: readonly (number | null)[], over: Partial<Timing> = {}): Timing => ({
  ...{ schema: 1, topic: "propagation", suite: "propagation", test: "a", runId: "r1", everyMs: 5 },
  identity: { lab: "l r0", settingHash: "s", sourceHash: "h", tuned: true },
  observations: values.map((v) => observation(v)),
  probers: [{ at: "west/worker", latenessP99Ms: 1, latenessMaxMs: 9, clockErrorMs: 0.2 }],
  ...over,
});
const cluster = (name: string, cilium = "1.20.2") => ({
  ...{ name, id: 1, podCidr: "", serviceCidr: "", nodes: ["n"], nodeImage: "", nodeImageId: "" },
  ...{ kubernetes: "1.36.4", cilium },
});
const testOf = (outcome: "pass" | "fail" | "unknown") => ({
  ...{ suite: "propagation", name: "a", outcome, reasons: [], durationMs: 1, notes: {} },
});
const run = (over: object = {}) => ({
  ...{
    runId: "r1",
    commit: "0123456",
    profile: "default",
    fault: null,
    kernel: "6.18",
    imageSource: "source",
  },
  ...{ clusters: [cluster("east"), cluster("west")], budgets: {} },
  suites: [{ name: "propagation", goal: "", method: "", errors: [], durationMs: 1, tests: [testOf("pass")] }],
  ...over,
});
const page = (...timings: readonly Timing[]): string =>
  timingsPage(withRuns({ schema: 1, runs: [] }, [publishedRun(run(), timings)]), "propagation");

describe("a row", () => {
  test("has a p95 from 20 observations on, and what did not happen counts as the largest", () => {
    expect(page(timing([100, 200, 300]))).toMatch(
      /\| 3 +\| 1 +\| 0 +\| 200 ms +\| largest of 3 +\| 300 ms +\| 5\.2 ms/,
    );
    const twenty = Array.from({ length: 20 }, (_, i) => i);
    expect(page(timing(twenty))).toMatch(/\| 20 +\| 1 +\| 0 +\| 9 ms +\| 18 ms +\| 19 ms/);
    expect(page(timing([...twenty.slice(1), null]))).toMatch(
      /\| 20 +\| 1 +\| 1 +\| 10 ms +\| 19 ms +\| > 12\.0 s \(not seen\)/,
    );
  });

  test("pools times of equal hashes only, over several labs", () => {
    const rowsWith = (identity: Partial<Timing["identity"]>): string => {
      const one = timing([1]);
      const other = timing([2], { identity: { ...one.identity, ...identity } });
      const runs = [publishedRun(run(), [one]), publishedRun(run({ runId: "r2" }), [other])];
      return timingsPage({ schema: 1, runs }, "propagation");
    };
    expect(rowsWith({ settingHash: "t" }).match(/endpoint added/g)).toHaveLength(2);
    expect(rowsWith({ sourceHash: "i" }).match(/endpoint added/g)).toHaveLength(2);
    expect(rowsWith({ lab: "l r1" })).toMatch(/endpoint added +\| 2 +\| 2 +\| 0/);
  });
});

test("a failed test counts and is named; one that the test machine spoiled does not count", () => {
  const suites = (outcome: "fail" | "unknown") => [{ ...run().suites[0], tests: [testOf(outcome)] }];
  const published = (over: object, of = timing([1])) => publishedRun({ ...run(), ...over } as never, [of]);
  expect(published({ suites: suites("fail") }).timings).toHaveLength(1);
  expect(published({ suites: suites("fail") }).failed).toEqual(["propagation > a"]);
  expect(published({ suites: suites("unknown") }).timings).toEqual([]);
  const late = { at: "west/worker", latenessP99Ms: 21, latenessMaxMs: 101, clockErrorMs: 6 };
  const spoiled = published({}, timing([1], { probers: [late] }));
  expect(spoiled.timings).toEqual([]);
  expect(spoiled.spoiled[0]?.split(": ")).toHaveLength(4);
});

test.each([
  ["an unclean commit", { commit: "0123456-dirty" }, "not from a commit without changes"],
  ["a fault", { fault: "partition" }, "has fault partition"],
  ["two versions", { clusters: [cluster("a"), cluster("b", "1.19.7")] }, "has not one version of cilium"],
  ["no outcome", { suites: [] }, "no outcome of it"],
])("%s is refused", (_, over, message) => {
  expect(() => publishedRun(run(over), [timing([1])])).toThrow(message);
});

test.each(timingTopics)("docs/results/%s.md is what reports/published/timings.json gives", async (topic) => {
  expect(readFileSync(pageFile(topic), "utf8")).toBe(timingsPage(await readTimings(), topic));
});
