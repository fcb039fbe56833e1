import { expect, test } from "vitest";
import { atMost } from "#harness/lib/binomial.ts";
import { judgePlanted, type Planted, rankOfInterval } from "./planted.ts";

const pairs = (count: number, holdMs: number, delayedMs: number, recordMs = holdMs): Planted[] =>
  Array.from({ length: count }, (_, i) => ({
    ...{ errorMs: 10, recordErrorMs: 1 },
    ...{ holdMs, round: i + 1, plainMs: 200 + i, delayedMs: 200 + i + delayedMs, recordMs },
  }));
const verdict = (of: readonly Planted[]) =>
  judgePlanted("agent updated", [...new Set(of.map((p) => p.holdMs))], of);

test.each([
  ["the delay itself", [250, 250, 250], "pass"],
  ["30 ms off a short one", [250, 279, 250], "pass"],
  ["more than 30 ms off a short one", [250, 281, 250], "fail"],
  ["less than 10 % off a long one", [1000, 910, 1000], "pass"],
  ["more than 10 % off a long one", [1000, 890, 1000], "fail"],
  ["the fault's record, where it held for longer than it should", [500, 650, 660], "pass"],
  ["the size that was meant, where the fault held for longer", [500, 500, 660], "fail"],
] as const)("%s: planted, measured, by the record %j", (_, [holdMs, delayedMs, recordMs], outcome) => {
  expect(verdict(pairs(15, holdMs, delayedMs, recordMs)).outcome).toBe(outcome);
});

test("a link that does not see its delay fails, and says by how much", () => {
  expect(verdict(pairs(15, 500, 0)).reasons).toEqual([
    "agent updated, 500 ms planted: 0 ms were measured, 500 ms by the fault's own record (50 ms are allowed)",
  ]);
});

test("pairs that scatter by more than the difference say nothing; if all are off, they fail", () => {
  const scattered = (meanMs: number, byMs: number) =>
    pairs(15, 300, 300).map((p, i) => ({ ...p, delayedMs: p.delayedMs + meanMs + byMs * (i - 7) }));
  expect(verdict(scattered(100, 80))).toMatchObject({
    outcome: "unknown",
    reasons: [expect.stringContaining("off by -220 to 420 ms (95 % for the median)")],
  });
  expect(verdict(scattered(100, 5)).outcome).toBe("fail");
  expect(verdict(scattered(-100, 5)).outcome).toBe("fail");
  expect(verdict(scattered(0, 80)).outcome).toBe("pass");
});

test("the interval of a median has at least 95 % at every number of pairs, and the next narrower one has not", () => {
  for (let count = 15; count <= 200; count++) {
    const rank = rankOfInterval(count) ?? Number.NaN;
    expect(1 - 2 * atMost(rank, count, 0.5)).toBeGreaterThanOrEqual(0.95);
    expect(1 - 2 * atMost(rank + 1, count, 0.5)).toBeLessThan(0.95);
  }
  // Of five values not even the whole range has 95 %.
  expect(rankOfInterval(5)).toBeUndefined();
  expect(rankOfInterval(6)).toBe(0);
});

test("fewer than fifteen pairs give no verdict, and no pair of a size neither", () => {
  expect(verdict(pairs(14, 250, 250)).outcome).toBe("unknown");
  expect(judgePlanted("agent updated", [250, 500], pairs(15, 250, 250)).outcome).toBe("unknown");
});

test("a wrong size fails, although another one could not be judged", () => {
  const verdictOf = judgePlanted("agent updated", [250, 500], pairs(15, 250, 400));
  expect(verdictOf.outcome).toBe("fail");
});
