import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Observation, type Timing, type TimingTopic, timingTopics } from "#harness/model/timing.ts";
import { pageFile, readTimings } from "./files.ts";
import { timingsPage } from "./page.ts";
import { publishedRun, withRuns } from "./publish.ts";

const observation = (value: number | null, over: Partial<Observation> = {}): Observation => ({
  ...{ what: "endpoint added", unit: "ms", value, watchedMs: 12_000, errorMs: 5.2 },
  ...{ of: "east", at: "west/worker", round: 1 },
  ...over,
});
const timing = (values: readonly (number | null)[], over: Partial<Timing> = {}): Timing => ({
  ...{ schema: 1, topic: "propagation", suite: "propagation", test: "a", runId: "r1", everyMs: 5 },
  identity: { lab: "l r0", settingHash: "s", sourceHash: "h", tuned: true },
  observations: values.map((v, i) => observation(v, { round: i + 1 })),
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
const pageOf = (topic: TimingTopic, ...timings: readonly Timing[]): string =>
  timingsPage(withRuns({ schema: 1, runs: [] }, [publishedRun(run(), timings)]), topic);
const page = (...timings: readonly Timing[]): string => pageOf("propagation", ...timings);
/** Changes that two nodes see, the second one later. */
const changes = (values: readonly (number | null)[]): Timing => ({
  ...timing([]),
  observations: values.flatMap((v, i) => [
    observation(v === null ? v : v - 1, { round: i + 1 }),
    observation(v, { round: i + 1, at: "west/control-plane" }),
  ]),
});

describe("a row", () => {
  test("counts changes, not what several nodes saw of each", () => {
    expect(page(changes([100, 200, 300]))).toMatch(
      /\| 3 changes, 2 nodes each; too few runs \(3 of 10, from 1 of 3 labs\) +\| 1 +\| 0 +\| 200 ms +\| largest of 3 +\| 300 ms +\| 5\.2 ms/,
    );
    expect(page(changes([100]))).toMatch(/\| 1 change, 2 nodes each; .*\| 99 ms to 100 ms +\| largest of 1 /);
  });

  test("has both values of two changes, and the conventional median of more", () => {
    expect(page(changes([100, 200]))).toMatch(
      /\| 99 ms to 100 ms; 199 ms to 200 ms +\| largest of 2 +\| 200 ms/,
    );
    expect(page(changes([100, 200, 301, 400]))).toMatch(/\| 251 ms +\| largest of 4 /);
  });

  test("has a p95 from 20 changes on, and what did not happen counts as the largest", () => {
    const twenty = Array.from({ length: 20 }, (_, i) => i + 1);
    expect(page(changes(twenty.slice(1)))).toMatch(/\| 0 +\| 11 ms +\| largest of 19 +\| 20 ms/);
    expect(page(changes(twenty))).toMatch(/\| 0 +\| 11 ms +\| 19 ms \(rank 19 of 20\) +\| 20 ms +\| 5\.2 ms/);
    expect(page(changes([...twenty.slice(1), null]))).toMatch(
      /\| 1 +\| 12 ms +\| 20 ms \(rank 19 of 20\) +\| > 12\.0 s \(not seen\)/,
    );
  });

  test("pools times of equal hashes only, over several labs", () => {
    const rowsWith = (identity: Partial<Timing["identity"]>): string => {
      const one = timing([1]);
      const other = timing([2], { identity: { ...one.identity, ...identity } });
      const runs = [publishedRun(run(), [one]), publishedRun(run({ runId: "r2" }), [other])];
      return timingsPage({ schema: 1, runs }, "propagation");
    };
    expect(rowsWith({ settingHash: "t" }).match(/\| endpoint added/g)).toHaveLength(2);
    expect(rowsWith({ sourceHash: "i" }).match(/\| endpoint added/g)).toHaveLength(2);
    expect(rowsWith({ lab: "l r1" })).toMatch(/endpoint added +\| 2 changes; too few runs .*\) +\| 2 +\| 0/);
  });

  test("says too few runs where that holds, by how long one is watched", () => {
    const ofLabs = (watchedMs: number, ...labs: readonly string[]): string => {
      const of = labs.map((lab, i) => ({
        ...timing([]),
        ...{
          identity: { ...timing([]).identity, lab },
          observations: [observation(5, { watchedMs, round: i + 1 })],
        },
      }));
      return page(...of);
    };
    const ten = [..."abcabcabca"];
    expect(ofLabs(12_000, ...ten)).not.toContain("oo few runs");
    expect(ofLabs(12_000, ...ten.slice(1))).toContain("(9 of 10, from 3 of 3 labs)");
    expect(ofLabs(90_000, ..."ababa")).toMatch(/\| 5 changes +\| 2 +\| 0 +\| see largest +\| largest of 5 /);
    expect(ofLabs(90_000, ..."aaaaa")).toContain("(5 of 5, from 1 of 2 labs)");
  });
});

describe("losses", () => {
  const lost = (...values: readonly number[]): string =>
    pageOf("recovery-overload", {
      ...timing([], { topic: "recovery-overload" }),
      observations: values.map((value, i) =>
        observation(value, { what: "requests lost", unit: "requests", round: i + 1 }),
      ),
    });

  test("none of n has its exact bound; neither counts nor shares nor latencies have an error", () => {
    expect(lost(0, 0)).toMatch(
      /\| none lost in 2 recoveries \(up to 78 % of recoveries may lose some, in this lab\) +\| – +\| – +\| – /,
    );
    expect(lost(0, 0, 0)).toContain("none lost in 3 recoveries (up to 64 % ");
    expect(lost(0)).toContain("none lost in 1 recovery (up to 95 % of recoveries may lose some)");
    expect(lost(0, 3)).toMatch(/\| 0; 3 +\| largest of 2 +\| 3 +\| – /);
    expect(page(timing([12], { observations: [observation(2, { what: "latency p50 of it" })] }))).toMatch(
      /\| 2 ms +\| largest of 1 +\| 2 ms +\| – /,
    );
  });
});

describe("a dead cluster", () => {
  const died = (zeroWatchedMs: number): string => {
    const of = (ttl: string, value: number | null, watchedMs: number) =>
      observation(value, {
        what: `affinity none, cacheTTL ${ttl}: last request that was sent to the dead cluster`,
        ...{ watchedMs, evidence: { stoppedMs: 3000, lost: 7 } },
      });
    return pageOf("dead-cluster", {
      ...timing([], { topic: "dead-cluster" }),
      observations: [of("0s", null, zeroWatchedMs), of("30s", 139_600, 170_000)],
    });
  };

  test("the duration of the stop is part of the error", () => {
    expect(died(93_000)).toMatch(/\| 139\.6 s +\| 3006 ms /);
  });

  test("two values of cacheTTL are not told apart where the clients of 0s were watched for less", () => {
    expect(died(93_000)).toContain(
      "**This data does not tell cacheTTL 0s and 30s apart.** With 0s the clients were watched for 93.0 s; with 30s they lost requests for 139.6 s",
    );
    expect(died(200_000)).not.toContain("tell cacheTTL");
  });
});

test("a new node: the mesh's part comes first, and a short watch is named", () => {
  const joined = (watchedMs: number): string => {
    const of = (what: string, unit: Observation["unit"], value: number) =>
      observation(value, { what, unit, watchedMs, evidence: { firstRequestMs: 8000, sent: 20 } });
    return pageOf("fresh-node", {
      ...timing([], { topic: "fresh-node" }),
      observations: [
        of("from Ready to the first answer", "ms", 8020),
        of("from the first request of a new pod to the first answer", "ms", 20),
        of("requests that a new pod lost", "requests", 0),
      ],
    });
  };
  expect(joined(13_000).match(/\| (from|requests) [a-zA-Z]+/g)).toEqual([
    "| from the",
    "| from Ready",
    "| requests that",
  ]);
  expect(joined(13_000)).toContain("at least 99.7 % passed before the pod's first request");
  expect(joined(13_000)).not.toContain("hardly watched");
  expect(joined(8300)).toContain("**Lost requests were hardly watched for**: for 300 ms");
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
