import { describe, expect, test } from "vitest";
import type { AskAnswer } from "#harness/model/probe-wire.ts";
import {
  absence,
  joinedWatch,
  judgeDenied,
  judgeGone,
  judgeOnly,
  judgeStaysOpen,
  judgeUnanswered,
  judgeWithdrawn,
  lateSending,
  unwatchedMs,
} from "./absence.ts";

const flow = "east/denied -> west/server (10.2.1.7:8080/http)";
const answer = (outcome: AskAnswer["outcome"], body = ""): AskAnswer => ({
  outcome,
  body,
  detail: "",
  ms: 1,
});
const ok = answer("ok", "server");
/** As many requests as needed, at an interval that just reaches the time. */
const watched = (
  of: (i: number) => AskAnswer,
  count: number = absence.requests,
  overMs: number = absence.overMs,
) => Array.from({ length: count }, (_, i) => ({ ...of(i), sentMs: (i * overMs) / (count - 1) }));
const silent = watched(() => answer("timeout"));
/** As many requests over the same time, but the prober stood still from `atMs` on, and then sent what was due at once. */
const stalled = (of: (i: number) => AskAnswer, atMs: number, forMs: number) =>
  watched(of).map((a) => ({
    ...a,
    sentMs: a.sentMs > atMs && a.sentMs < atMs + forMs ? atMs + forMs : a.sentMs,
  }));

describe("a denial", () => {
  const judged = (over: { before?: AskAnswer[]; during?: AskAnswer[]; after?: AskAnswer[] }) =>
    judgeDenied({ flow, before: [ok], during: silent, after: [ok], ...over });

  test("holds if nothing came through in enough requests, and the flow was open before and after", () => {
    expect(judged({}).outcome).toBe("pass");
  });

  test.each([
    ["one answer of 460", { during: watched((i) => answer(i === 459 ? "ok" : "timeout")) }, /1 of 460/],
    ["a refusal, which the peer sent", { during: watched(() => answer("refused")) }, /got through \(refused/],
    ["a flow that was never open", { before: [answer("timeout")] }, /before the denial.*not answered/],
    ["no control before", { before: [] }, /before the denial: no request/],
    ["a flow that stays closed", { after: [ok, answer("timeout")] }, /after the denial: 1 of 2/],
  ])("fails: %s", (_, over, reason) => {
    const { outcome, reasons } = judged(over);
    expect(outcome).toBe("fail");
    expect(reasons.join()).toMatch(reason);
    expect(reasons.every((r) => r.startsWith(flow))).toBe(true);
  });

  test.each([
    ["too few requests", { during: watched(() => answer("timeout"), absence.requests - 1) }],
    ["too short a time", { during: watched(() => answer("timeout"), absence.requests, absence.overMs - 1) }],
    ["a prober that stood still", { during: stalled(() => answer("timeout"), 2000, 1200) }],
    ["requests without their times", { during: silent.map(({ sentMs: _, ...a }) => a) }],
    ["none", { during: [] }],
    ["an error of the prober", { during: watched((i) => answer(i === 3 ? "error" : "timeout")) }],
  ])("is unknown: %s", (_, over) => {
    expect(judged(over).outcome).toBe("unknown");
  });

  test("a leak is not hidden by a prober that stood still", () => {
    const during = stalled((i) => answer(i === 4 ? "ok" : "timeout"), 2000, 1200);
    expect(judged({ during }).outcome).toBe("fail");
  });

  test("a leak is not hidden by an error of the prober", () => {
    const during = watched((i) => answer(i === 3 ? "error" : i === 4 ? "ok" : "timeout"));
    expect(judged({ during }).outcome).toBe("fail");
  });
});

describe("a withdrawal", () => {
  const own = answer("ok", "echo-east-1\n");
  const other = answer("ok", "echo-west-1");
  const judged = (
    over: { before?: AskAnswer[]; during?: AskAnswer[]; after?: AskAnswer[] },
    pods = { expected: ["echo-east-1"], withdrawn: ["echo-west-1"] },
  ) =>
    judgeWithdrawn({ flow, before: [own, other], during: watched(() => own), after: [other], ...over }, pods);

  test("holds if only the others answer, and the withdrawn ones did before and do again", () => {
    expect(judged({})).toEqual({ outcome: "pass", reasons: [] });
  });

  test.each([
    [
      "one answer of a withdrawn pod",
      { during: watched((i) => (i === 9 ? other : own)) },
      /echo-west-1 answered 1 of 460.*should not serve/,
    ],
    [
      "a lost request",
      { during: watched((i) => (i === 9 ? answer("timeout") : own)) },
      /1 of 460 requests were not answered/,
    ],
    ["it never answered", { before: [own, own] }, /before the withdrawal: no answer from echo-west-1/],
    ["it does not come back", { after: [own] }, /after the withdrawal: no answer from echo-west-1/],
  ])("fails: %s", (_, over, reason) => {
    const { outcome, reasons } = judged(over);
    expect(outcome).toBe("fail");
    expect(reasons.join()).toMatch(reason);
  });

  test("of no pod, or to no pod, proves nothing", () => {
    expect(judged({}, { expected: [], withdrawn: ["echo-west-1"] }).outcome).toBe("fail");
    expect(
      judged({ before: [own], after: [own] }, { expected: ["echo-east-1"], withdrawn: [] }).outcome,
    ).toBe("fail");
  });

  test("too few requests are unknown", () => {
    expect(judged({ during: watched(() => own, 20) }).outcome).toBe("unknown");
  });
});

describe("a watch that the test machine disturbed", () => {
  const own = answer("ok", "echo-east-1");
  const lost = (outcome: AskAnswer["outcome"]) => watched((i) => (i === 9 ? answer(outcome) : own));
  const late = ["the prober was late"];
  const expected = ["echo-east-1"];
  const judged = (during: readonly AskAnswer[], troubles = { late, unsteady: expected }) =>
    judgeOnly(flow, during, { expected, troubles });

  test("is unknown if requests were lost, and names both", () => {
    const { outcome, reasons } = judged(lost("reset"));
    expect(outcome).toBe("unknown");
    expect(reasons.join()).toMatch(
      /1 of 460 requests were not answered.*, sent at \d+ ms,.*late,.*became ready/,
    );
    expect(judged(lost("timeout"), { late, unsteady: [] }).outcome).toBe("unknown");
  });

  test.each([
    ["a closed connection without a backend that left", lost("reset"), { late, unsteady: ["another"] }],
    ["a lost request on a machine that had time", lost("timeout"), { late: [], unsteady: expected }],
    ["a flow that lost everything", watched(() => answer("timeout")), { late, unsteady: expected }],
    ["an answer of another", watched((i) => (i === 9 ? answer("ok", "west") : own)), undefined],
  ])("does not excuse %s", (_, during, troubles) => {
    expect(judged(during, troubles).outcome).toBe("fail");
  });

  test("is not spoiled if it lost nothing", () => {
    expect(judged(watched(() => own)).outcome).toBe("pass");
  });

  test("is no evidence of the time in which nothing was sent, although it lost nothing", () => {
    const { outcome, reasons } = judged(stalled(() => own, 2000, 1200));
    expect(outcome).toBe("unknown");
    expect(reasons.join()).toMatch(/460 requests in 3[78]\d\d ms without pauses/);
  });

  test("of a prober that sent nothing is no pass", () => {
    const { outcome, reasons } = judged([]);
    expect(outcome).toBe("fail");
    expect(reasons.join()).toMatch(/0 requests in 0 ms .*no request was sent/);
  });

  test.each([
    ["on schedule", () => 0, 0],
    ["5 % of the requests' time late, but rarely", (i: number) => (i % 200 === 0 ? 300 : 0), 0],
    ["late throughout", (i: number) => (i > 20 ? 150 : 0), 1],
    ["late in its first second only", (i: number) => (i > 0 && i < 60 ? 300 : 0), 0],
    ["that stood still once", (i: number) => (i === 200 ? 600 : 0), 1],
  ])("knows a prober %s", (_, lateMs, many) => {
    const everyMs = 11;
    const sent = watched(() => own).map((a, i) => ({ ...a, sentMs: 40 + i * everyMs + lateMs(i) }));
    expect(lateSending(flow, sent, { everyMs, timeoutMs: 2000 })).toHaveLength(many);
  });
});

describe("the time of a watch", () => {
  const own = answer("ok", "echo-east-1");

  test.each<[string, readonly AskAnswer[], number]>([
    ["without a pause", watched(() => own), 0],
    ["with a short pause", stalled(() => own, 2000, absence.holeMs - 20), 0],
    ["that is too short", watched(() => own, absence.requests, 4000), 1000],
    ["without a request", [], absence.overMs],
  ])("%s", (_, during, missedMs) => {
    expect(unwatchedMs(during)).toBeCloseTo(missedMs, 5);
  });

  test("lacks its long pauses, each of them", () => {
    // A pause begins with the last request before it, at most one interval earlier.
    const missedMs = unwatchedMs(stalled(() => own, 2000, 1200));
    expect(missedMs).toBeGreaterThanOrEqual(1200);
    expect(missedMs).toBeLessThan(1200 + 11);
    const twice = stalled(() => own, 2000, 1200).map((a) => ({
      ...a,
      sentMs: a.sentMs > 4000 && a.sentMs < 4600 ? 4600 : a.sentMs,
    }));
    expect(unwatchedMs(twice)).toBeGreaterThanOrEqual(1800);
  });

  test("is that of its parts together, without the time between them", () => {
    const part = watched(() => own, 230, 2500).map((a) => ({ ...a, sentMs: a.sentMs + 40 }));
    const joined = joinedWatch([part, part]);
    expect(joined).toHaveLength(460);
    expect(unwatchedMs(joined)).toBeCloseTo(0, 5);
    expect(joined.at(-1)?.sentMs).toBeCloseTo(5040, 5);
    expect(unwatchedMs(joinedWatch([part]))).toBeCloseTo(2500, 5);
    expect(joinedWatch([])).toEqual([]);
  });
});

describe("a flow that stays open", () => {
  const late = ["the prober was late"];
  const some = (lost: AskAnswer["outcome"]) => watched((i) => (i === 9 ? answer(lost) : ok), 22);

  test.each<[string, readonly AskAnswer[], readonly string[], string]>([
    ["every request was answered", watched(() => ok, 22), [], "pass"],
    ["one was not", some("timeout"), [], "fail"],
    ["one was not, and the prober was late", some("timeout"), late, "unknown"],
    ["one was refused", some("refused"), late, "fail"],
    ["none was answered", watched(() => answer("timeout"), 22), late, "fail"],
    ["none was sent", [], late, "fail"],
  ])("%s", (_, during, troubles, outcome) => {
    const judged = judgeStaysOpen(flow, during, troubles);
    expect(judged.outcome).toBe(outcome);
    expect(judged.reasons.every((r) => r.startsWith(flow) || r.includes("test machine"))).toBe(true);
  });
});

test("an address is gone if nobody answers in enough requests", () => {
  expect(
    judgeGone(
      flow,
      watched((i) => answer(i % 2 === 0 ? "timeout" : "error")),
    ).outcome,
  ).toBe("pass");
  expect(
    judgeGone(
      flow,
      watched((i) => answer(i === 100 ? "ok" : "error")),
    ).outcome,
  ).toBe("fail");
  expect(
    judgeGone(
      flow,
      watched(() => answer("error"), 100),
    ).outcome,
  ).toBe("unknown");
});

test("a look passes on any number of requests, none of them answered", () => {
  expect(judgeUnanswered(flow, [answer("timeout"), answer("error")]).outcome).toBe("pass");
  expect(judgeUnanswered(flow, [answer("timeout"), answer("ok", "pod-a")])).toMatchObject({
    outcome: "fail",
    reasons: [expect.stringContaining("1 of 2 requests were answered (ok, pod-a)")],
  });
});
