import { describe, expect, test } from "vitest";
import type { Observation } from "#harness/model/timing.ts";
import { eventsOf, figuresOfTimes, timedRow } from "./timed-rows.ts";

const seen = (value: number | null, over: Partial<Observation> = {}): Observation => ({
  ...{ what: "policy added", unit: "ms", value, watchedMs: 10_000, errorMs: 5 },
  ...{ of: "east", at: "west/worker", round: 1 },
  ...over,
});
/** One change, seen from one node after another. */
const change = (round: number, ...values: (number | null)[]): Observation[] =>
  values.map((value, i) => seen(value, { round, at: `west/worker${i}` }));

describe("events", () => {
  test("are the changes, not the nodes and services that saw them", () => {
    expect(eventsOf([...change(1, 1, 2), ...change(2, 3, 4)])).toHaveLength(2);
    expect(eventsOf([seen(1), seen(2), seen(3)])).toHaveLength(1);
    expect(eventsOf([seen(1), seen(2, { of: "west" })])).toHaveLength(2);
  });

  test("several writes of a round are several changes", () => {
    const write = (writeBegunMs: number, at: string) =>
      seen(1, { at, evidence: { writeBegunMs, eventMs: 2 } });
    expect(eventsOf([write(-40, "a"), write(-40, "b"), write(-51, "a"), write(-51, "b")])).toHaveLength(2);
  });
});

describe("a row", () => {
  const row = (...events: Observation[][]) => timedRow(events);

  test("has each event by the vantage point that fared worst, and the conventional median of them", () => {
    expect(row(change(1, 8648, 8649, 8663), change(2, 16604, 16618, 16620))).toMatchObject({
      ...{ vantages: [3, 3], notSeen: 0, median: (8663 + 16620) / 2, worst: 16620 },
      events: [
        { best: 8648, worst: 8663 },
        { best: 16604, worst: 16620 },
      ],
    });
    expect(row(change(1, 1), change(2, 2), change(3, 9, null))).toMatchObject({
      ...{ vantages: [1, 2], notSeen: 1, median: 2, worst: Number.POSITIVE_INFINITY },
    });
  });

  test("has a p95 from 20 events on", () => {
    const of = (n: number) => row(...Array.from({ length: n }, (_, i) => change(i + 1, i, i + 100)));
    expect(of(19)).not.toHaveProperty("p95");
    expect(of(20).p95).toBe(118);
  });

  test("of a share of the load the smallest value is the worst", () => {
    const share = (value: number | null, at: string) =>
      seen(value, { what: "share of the load of the first", unit: "share", at });
    expect(row([share(0.9, "a"), share(1, "b")], [share(0.97, "a"), share(0.98, "b")])).toMatchObject({
      ...{ smallestIsWorst: true, median: (0.9 + 0.97) / 2, worst: 0.9 },
      events: [
        { best: 1, worst: 0.9 },
        { best: 0.98, worst: 0.97 },
      ],
    });
    expect(row([share(null, "a")]).worst).toBe(Number.NEGATIVE_INFINITY);
  });

  test("knows where nothing was lost", () => {
    const requests = (value: number) => seen(value, { unit: "requests" });
    const until = (lost: number) => seen(0, { evidence: { lost } });
    expect([row([requests(0)], [requests(0)]).noneLost, row([requests(0)], [requests(1)]).noneLost]).toEqual([
      true,
      false,
    ]);
    expect([row([until(0)]).noneLost, row([until(3)]).noneLost, row([seen(0)]).noneLost]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

test("figures of a report: n counts changes, two have both values, and what did not happen is the largest", () => {
  expect(figuresOfTimes([...change(1, 3, 4), ...change(2, 10, null)])).toEqual({
    "policy added (ms): n": 2,
    "policy added (ms): observations": 4,
    "policy added (ms): not seen": 1,
    "policy added (ms): both": "4 and not seen",
  });
  expect(figuresOfTimes([1, 2, 8, 4].flatMap((v, i) => change(i + 1, v)))).toEqual({
    "policy added (ms): n": 4,
    "policy added (ms): median": 3,
    "policy added (ms): largest": 8,
  });
  const twenty = figuresOfTimes(Array.from({ length: 20 }, (_, i) => change(i + 1, i, i)).flat());
  expect(twenty).toMatchObject({ "policy added (ms): n": 20, "policy added (ms): p95": 18 });
  expect(figuresOfTimes([])).toEqual({});
});
