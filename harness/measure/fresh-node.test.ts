import { expect, test } from "vitest";
import { unixNowMs } from "#harness/lib/clock.ts";
import type { Sample } from "#harness/model/history.ts";
import { watchFirstAnswers } from "./fresh-node.ts";

/** A request every 10 ms, answered by `pod`. */
const samples = (fromMs: number, toMs: number, pod = "remote"): Sample[] =>
  Array.from({ length: (toMs - fromMs) / 10 + 1 }, (_, i) => {
    const sentMs = fromMs + 10 * i;
    return { seq: i, dueMs: sentMs, sentMs, endMs: sentMs + 1, outcome: "ok", servedBy: pod };
  });

/** How often the log is read until the watch ends; each read finds the next log, which has a list for each service. */
async function readsOf(logs: readonly (readonly Sample[][])[]): Promise<number> {
  let reads = 0;
  const read = async () => ({
    ...{ startedAtUnixMs: 0, clockErrorMs: 0.1, control: [] },
    samples: logs[Math.min(reads++, logs.length - 1)] ?? [],
  });
  const within = { withinMs: 60_000, quietMs: 5000, servers: ["remote"] };
  await watchFirstAnswers({ read }, unixNowMs(), { ...within, signal: new AbortController().signal });
  return reads;
}

test("the watch of a new pod lasts for the quiet time from the first request of every service on", async () => {
  // As in run 20261128-115902-0969d5, where it ended 0.3 s after the first request.
  expect(await readsOf([[samples(0, 300)], [samples(0, 5000)]])).toBe(2);
  expect(
    await readsOf([
      [samples(0, 5000), samples(4800, 5000)],
      [samples(0, 9800), samples(4800, 9800)],
    ]),
  ).toBe(2);
  expect(await readsOf([[samples(0, 5000)]])).toBe(1);
});

test("another answer in the quiet time, and a service without a request, keep the watch open", async () => {
  const late = [...samples(0, 3000), ...samples(3010, 3010, "local"), ...samples(3020, 6000)];
  expect(await readsOf([[late], [[...late, ...samples(6010, 8020)]]])).toBe(2);
  expect(
    await readsOf([
      [samples(0, 5000), []],
      [samples(0, 5000), samples(0, 5000)],
    ]),
  ).toBe(2);
});
