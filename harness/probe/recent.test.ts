import { expect, test } from "vitest";
import type { Sample } from "#harness/model/history.ts";
import { RecentSamples } from "./recent.ts";

const sample = (seq: number, over: Partial<Sample> = {}): Sample => ({
  seq,
  dueMs: 5 * seq,
  sentMs: 5 * seq,
  endMs: 5 * seq + 1,
  outcome: "ok",
  cluster: "east",
  ...over,
});

test("an interval holds the requests sent in it, whatever the order of the responses", () => {
  const recent = new RecentSamples(5, 1000);
  recent.add(sample(2));
  recent.add(sample(1, { outcome: "timeout" }));
  recent.add(sample(3, { cluster: "west" }));
  expect(recent.latestMs).toBe(15);
  const { seqs, tally, good, latenciesMs } = recent.between(0, 15, ["east"]);
  expect([...seqs].sort()).toEqual([1, 2, 3]);
  expect(Object.fromEntries(tally)).toEqual({ east: 1, timeout: 1, west: 1 });
  expect(good).toBe(1);
  expect(latenciesMs).toEqual([1]);
  expect(recent.between(0, 15).good).toBe(2);
  expect(recent.between(5, 10).seqs).toEqual([2]);
});

test("samples are kept for `keptMs` and no longer", () => {
  const recent = new RecentSamples(5, 1000);
  for (let seq = 0; seq < 5000; seq++) recent.add(sample(seq));
  const { seqs } = recent.between(24_995 - 1000, 24_995);
  expect(seqs).toHaveLength(200);
  expect(recent.between(0, 20_000).seqs).toEqual([]);
});
