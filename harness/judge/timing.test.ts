import { describe, expect, test } from "vitest";
import type { History, Sample } from "#harness/model/history.ts";
import type { Observation } from "#harness/model/timing.ts";
import { answersIn, firstAnswer, judgeProbers, judgeTimes, lastAnswer, servedFor } from "./timing.ts";

/** The prober's clock begins at this time of the harness's. */
const zero = 1_000_000;

/** A request every 10 ms, answered after 2 ms by the pod that `by` names; lost after 250 ms where there is none. */
const historyOf = (n: number, by: (sentMs: number) => string | undefined): History => ({
  ...{ title: "t", vantage: "west/worker", target: "10.1.0.4:8080", everyMs: 10, timeoutMs: 250 },
  ...{ connection: "new", startedAt: "", startedAtUnixMs: zero, marks: [], cpuShare: 0, clockErrorMs: 0.3 },
  samples: Array.from({ length: n }, (_, seq): Sample => {
    const sentMs = seq * 10;
    const pod = by(sentMs);
    return pod === undefined
      ? { seq, dueMs: sentMs, sentMs, endMs: sentMs + 250, outcome: "timeout" }
      : { seq, dueMs: sentMs, sentMs, endMs: sentMs + 2, outcome: "ok", servedBy: pod, cluster: "east" };
  }),
  control: [{ seq: 0, dueMs: 0, sentMs: 0, endMs: 1, outcome: "ok" }],
});
const window = (sinceMs: number, untilMs: number) => ({
  sinceUnixMs: zero + sinceMs,
  untilUnixMs: zero + untilMs,
});
const pods = (...names: string[]): ReadonlySet<string> => new Set(names);

describe("first and last answer", () => {
  const replaced = historyOf(200, (ms) => (ms < 500 ? "old" : ms < 700 ? undefined : "new"));

  test("count from the beginning of the window, for the given pods", () => {
    expect(firstAnswer(replaced, pods("new"), window(400, 1990))).toBe(302);
    expect(lastAnswer(replaced, pods("old"), window(400, 1990), 200)).toBe(90);
    expect(lastAnswer(replaced, pods("old"), window(600, 1990), 200)).toBe(-110);
  });

  test("are undefined if they never came, came after the window, or had not ended", () => {
    expect(firstAnswer(replaced, pods("other"), window(400, 1990))).toBeUndefined();
    expect(firstAnswer(replaced, pods("new"), window(400, 690))).toBeUndefined();
    expect(lastAnswer(replaced, pods("other"), window(400, 1990), 200)).toBeUndefined();
    expect(lastAnswer(replaced, pods("old"), window(400, 600), 200)).toBeUndefined();
  });

  test("an answer to an earlier request counts where it arrives in the window", () => {
    const late = historyOf(100, (ms) => (ms < 300 ? "old" : "new"));
    expect(firstAnswer(late, pods("new"), window(301, 990))).toBe(1);
  });
});

test("answers of a window: by pod, latency from the due time, and the losses", () => {
  const answers = answersIn(
    historyOf(100, (ms) => (ms < 300 ? "a" : ms < 400 ? undefined : "b")),
    window(200, 590),
  );
  expect(answers).toMatchObject({ sent: 40, lost: 10, byPod: { a: 10, b: 20 }, latencyP99Ms: 2 });
  expect([answers.firstLossMs, answers.lastLossMs]).toEqual([100, 190]);
  expect(
    answersIn(
      historyOf(10, () => undefined),
      window(0, 90),
    ).latencyP50Ms,
  ).toBeUndefined();
});

const observation = (value: number | null): Observation => ({
  ...{ what: "policy added", unit: "ms", value, watchedMs: 10_000, errorMs: 5 },
  ...{ of: "east", at: "west/worker", round: 3 },
});

test("every time must exist and lie within the limit; fewer than expected fail", () => {
  const expected = { object: "policy allow-3", withinMs: 1000, count: 2 };
  expect(judgeTimes([observation(10), observation(1000)], expected).outcome).toBe("pass");
  expect(judgeTimes([observation(10), observation(1001)], expected).reasons).toEqual([
    "west/worker: policy added, round 3, policy allow-3 of east: after 1.0s, 1.0s are allowed",
  ]);
  expect(judgeTimes([observation(10), observation(null)], expected).reasons[0]).toContain(
    "not seen within 10.0s",
  );
  expect(judgeTimes([observation(10)], expected).reasons).toEqual([
    "policy allow-3: 1 of 2 times were observed, at west/worker",
  ]);
  expect(judgeTimes([], { ...expected, count: 0 }).outcome).toBe("fail");
  expect(
    judgeTimes([observation(1), observation(1)], { ...expected, unsettled: ["west/worker"] }).outcome,
  ).toBe("fail");
});

test("served for a while: only with requests for that long, and every one of the last answered", () => {
  const served = historyOf(100, (ms) => (ms < 300 ? undefined : ms < 400 ? "old" : "new"));
  const forMs = (quietMs: number, of = served.samples): boolean => servedFor(of, pods("new"), quietMs);
  expect([forMs(600), forMs(601)]).toEqual([true, false]);
  expect(servedFor(served.samples, pods("new", "old"), 700)).toBe(true);
  // Nothing was lost, but it has just begun.
  expect(forMs(500, historyOf(50, () => "new").samples)).toBe(false);
  expect(forMs(490, historyOf(50, () => "new").samples)).toBe(true);
  expect(servedFor([], pods("new"), 0)).toBe(false);
});

test("without an undisturbed prober nothing is known", () => {
  const limits = { latenessP99Ms: 200, stallMs: 1000, controlLossShare: 0.01 };
  expect(judgeProbers([historyOf(10, () => "a")], limits, zero).outcome).toBe("pass");
  expect(judgeProbers([], limits, zero).outcome).toBe("unknown");
  expect(judgeProbers([historyOf(0, () => "a")], limits, zero).outcome).toBe("unknown");
  const gap = historyOf(200, () => "a");
  const without = (seq: number) => ({ ...gap, samples: [...gap.samples].filter((s) => s.seq !== seq) });
  expect(judgeProbers([without(5)], limits, zero).reasons).toEqual([
    "1 samples of the prober at west/worker never arrived",
  ]);
  // Still on its way when the history ended.
  expect(judgeProbers([without(190)], limits, zero).outcome).toBe("pass");
  const late = historyOf(10, () => "a");
  const samples = [...late.samples].map((s) => ({ ...s, sentMs: s.dueMs + 1500 }));
  expect(judgeProbers([{ ...late, samples }], limits, zero).reasons).toHaveLength(2);
});
