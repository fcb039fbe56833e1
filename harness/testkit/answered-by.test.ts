import { expect, test } from "vitest";
import { absence } from "#harness/judge/absence.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { budgetsSchema } from "#harness/model/budgets.ts";
import type { AskAnswer } from "#harness/model/probe-wire.ts";
import { judgeAnsweredInTime } from "./answered-by.ts";
import { clusterAnswering } from "./example-prober.ts";
import { judgeSharesInTime } from "./shares-in-time.ts";
import { Within } from "./within.ts";

const budgets = budgetsSchema.parse({});
const kit = { budgets, within: new Within(budgets, AbortSignal.timeout(60_000)) };

/** A cluster of one node, whose requests are answered by `bodyOf`, by their number since the beginning. */
function clientOf(bodyOf: (i: number) => string) {
  const counts: number[] = [];
  let sent = 0;
  const from = clusterAnswering(({ asks }) =>
    asks.map(({ count }) => {
      counts.push(count);
      return Array.from({ length: count }, (): AskAnswer => {
        const body = bodyOf(sent);
        sent += 1;
        return { outcome: body === "" ? "timeout" : "ok", body, detail: "", ms: 1 };
      });
    }),
  );
  return { from, counts };
}

const names = ["pod-a", "pod-b"];
const inTurn = (i: number): string => names[i % names.length] ?? "";
const target = { what: "east -> service old", ip: "10.3.0.1" };

/** Backends of which one is unready at the first look. */
function unreadyOnce(): () => Promise<readonly string[]> {
  let looks = 0;
  return async () => {
    looks += 1;
    if (looks === 1) throw new MeshproofError("mesh-not-ready", "cluster east has 1 of 2 ready backends");
    return names;
  };
}

test("backends are waited for, and then asked often enough to see another one", async () => {
  const { from, counts } = clientOf(inTurn);
  expect(await judgeAnsweredInTime(from, { ...target, pods: unreadyOnce() }, kit)).toEqual({
    outcome: "pass",
    reasons: [],
  });
  const [first, ...decisive] = counts;
  expect(first).toBe(12 * names.length);
  expect(decisive.reduce((sum, n) => sum + n, 0)).toBeGreaterThanOrEqual(absence.requests);
});

test.each([
  ["another backend that has one answer in hundreds", "pod-c", /should not have pod-c/],
  ["a lost request", "", /timeout/],
])("the decisive sample fails at %s", async (_, odd, reason) => {
  const { from } = clientOf((i) => (i === 400 ? odd : inTurn(i)));
  const { outcome, reasons } = await judgeAnsweredInTime(from, { ...target, pods: async () => names }, kit);
  expect(outcome).toBe("fail");
  expect(reasons.join()).toMatch(reason);
});

test("shares are judged once every backend is ready", async () => {
  const { from } = clientOf(inTurn);
  let looks = 0;
  const expected = async () => {
    looks += 1;
    const pods = looks === 1 ? names.slice(0, 1) : names;
    return [{ cluster: "east", deployment: "echo-east", pods, replicas: 2 }];
  };
  const { verdict, answers } = await judgeSharesInTime(
    { from, service: "echo", ip: target.ip, expected },
    kit,
  );
  expect(verdict).toEqual({ outcome: "pass", reasons: [] });
  expect(answers).toBeGreaterThanOrEqual(absence.requests);
});

test("a backend that stays unready fails the shares, and its deployment is named", async () => {
  const { from } = clientOf(inTurn);
  const within = new Within({ ...budgets, syncMs: 100 }, kit.within.signal);
  const expected = async () => [{ cluster: "east", deployment: "echo-east", pods: ["pod-a"], replicas: 2 }];
  const { verdict } = await judgeSharesInTime(
    { from, service: "echo", ip: target.ip, expected },
    { budgets, within },
  );
  expect(verdict).toEqual({
    outcome: "fail",
    reasons: ["east -> service echo, port 80: 1 of 2 backends of east (deployment echo-east) are ready"],
  });
});
