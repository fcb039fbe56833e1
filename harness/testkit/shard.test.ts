import fc from "fast-check";
import { expect, test } from "vitest";
import { faults } from "#harness/faults/index.ts";
import { readDurations, recordedOrMean } from "./durations.ts";
import { shardOf } from "./shard.ts";
import { loadSuites } from "./suite-list.ts";

test("shards contain every suite once, in order, and are balanced", () => {
  const ms: Record<string, number> = { a: 10, b: 50, c: 30, d: 20, e: 1 };
  const shards = [1, 2].map((index) => shardOf(Object.keys(ms), { index, count: 2 }, (n) => ms[n] ?? 0));
  expect(shards).toEqual([
    ["a", "b"],
    ["c", "d", "e"],
  ]);
});

const recorded = fc.dictionary(fc.string(), fc.integer({ min: 1, max: 1_000_000 }));
/** Names with a record and without, perhaps twice: a command line may name a suite twice. */
const namesOf = (records: Record<string, number>) =>
  fc.array(fc.oneof(fc.string(), ...Object.keys(records).map((n) => fc.constant(n))), { maxLength: 40 });
const cases = recorded.chain((records) =>
  fc.record({
    records: fc.constant(records),
    names: namesOf(records),
    count: fc.integer({ min: 1, max: 9 }),
  }),
);
const all = (names: readonly string[], count: number, records: Record<string, number>) =>
  Array.from({ length: count }, (_, i) => shardOf(names, { index: i + 1, count }, recordedOrMean(records)));

test("shards never overlap and miss nothing, whatever is recorded", () => {
  fc.assert(
    fc.property(cases, ({ records, names, count }) => {
      expect(all(names, count, records).flat().sort()).toEqual([...new Set(names)].sort());
    }),
  );
});

test("a machine that lists names or records in another order makes the same shards", () => {
  fc.assert(
    fc.property(cases, ({ records, names, count }) => {
      const turned = [...names].sort().reverse();
      const again = Object.fromEntries(Object.entries(records).reverse());
      const here = all(names, count, records).map((shard) => [...shard].sort());
      expect(all(turned, count, again).map((shard) => [...shard].sort())).toEqual(here);
    }),
  );
});

test("no shard takes longer than its part of the whole and one more name", () => {
  fc.assert(
    fc.property(cases, ({ records, names, count }) => {
      const ofName = recordedOrMean(records);
      const sum = (some: readonly string[]): number => some.reduce((ms, n) => ms + ofName(n), 0);
      const once = [...new Set(names)];
      const longest = Math.max(0, ...once.map(ofName));
      for (const shard of all(names, count, records))
        expect(sum(shard)).toBeLessThanOrEqual(sum(once) / count + longest);
    }),
  );
});

test("what has no record takes the mean; without any record all take the same", () => {
  expect(recordedOrMean({ a: 10, b: 21 })("c")).toBe(16);
  expect(recordedOrMean({ a: 10 })("constructor")).toBe(10);
  expect(recordedOrMean({})("a")).toBeGreaterThan(0);
});

test("the checked-in durations are of suites and faults that there are", async () => {
  const { suites, faults: ofFaults } = readDurations();
  expect((await loadSuites()).map((s) => s.info.name)).toEqual(expect.arrayContaining(Object.keys(suites)));
  expect(faults.map((f) => f.name)).toEqual(expect.arrayContaining(Object.keys(ofFaults)));
  expect(Object.keys(suites).length).toBeGreaterThan(0);
  expect(Object.keys(ofFaults).length).toBeGreaterThan(0);
});
