import { expect, test } from "vitest";
import { budgetsSchema } from "#harness/model/budgets.ts";
import type { Observation } from "#harness/model/timing.ts";
import { deadWatchMs, judgeDead, judgeLoad, judgeNothingLost } from "./timed-suites.ts";

const of = (what: string, unit: Observation["unit"], value: number | null): Observation => ({
  ...{ what, unit, value, watchedMs: 90_000, errorMs: 20, of: "west", at: "east/worker", round: 1 },
});
const object = "service echo-local (10.101.0.9:80)";

test("the first replica must have nearly all of the load, answer it in time, and lose little", () => {
  const judged = (share: number | null, p99: number, lost: number) =>
    judgeLoad(
      [
        of("share of the load", "share", share),
        of("latency p99 of it", "ms", p99),
        of("largest latency", "ms", 900),
        of("requests lost", "requests", lost),
      ],
      object,
      { latencyP99Ms: 250, lostRequests: 4 },
    );
  expect(judged(0.95, 250, 4).outcome).toBe("pass");
  expect(judged(0.94, 251, 5).reasons).toEqual([
    `east/worker: share of the load, ${object} of west: 94.0 %, at least 95 % are expected with affinity local`,
    `east/worker: latency p99 of it, ${object} of west: 251ms, 250ms are allowed`,
    `east/worker: requests lost, ${object} of west: 5 requests, 4 are allowed`,
  ]);
  expect(judged(null, 1, 0).outcome).toBe("fail");
});

test("nothing lost: a single request fails, and so does a missing count", () => {
  expect(judgeNothingLost([of("leaves", "requests", 0), of("x", "ms", null)], object).outcome).toBe("pass");
  expect(judgeNothingLost([of("leaves", "requests", 1)], object).reasons).toEqual([
    `east/worker -> ${object}: leaves: 1, none is expected`,
  ]);
  expect(judgeNothingLost([of("x", "ms", 1)], object).outcome).toBe("fail");
});

test("a dead cluster: for ever without expiry, until it with one, never with affinity local", () => {
  const judged = (expires: boolean, local: number | null, other: number | null) =>
    judgeDead([of("affinity local", "ms", local), of("affinity none", "ms", other)], {
      expires,
      object,
      withinMs: 60_000,
    }).outcome;
  expect(judged(false, 0, null)).toBe("pass");
  expect(judged(false, 0, 40_000)).toBe("fail");
  expect(judged(false, 5, null)).toBe("fail");
  expect(judged(false, null, null)).toBe("fail");
  expect(judged(true, 0, 60_000)).toBe("pass");
  expect(judged(true, 0, 60_001)).toBe("fail");
  expect(judged(true, 0, null)).toBe("fail");
  expect(judgeDead([], { expires: false, object, withinMs: 1 }).outcome).toBe("fail");
});

test("a cluster without expiry is watched for as long as one with 30 s may lose requests", () => {
  const budgets = budgetsSchema.parse({});
  expect(deadWatchMs(0, budgets)).toBe(deadWatchMs(30_000, budgets));
  expect(deadWatchMs(0, budgets)).toBeGreaterThanOrEqual(200_000);
  expect(deadWatchMs(0, { ...budgets, deadClusterMs: 900_000 })).toBe(900_000);
});
