import { describe, expect, test } from "vitest";
import { joinedWatch, unwatchedMs } from "#harness/judge/absence.ts";
import type { AskAnswer, AskSpec, AskTarget } from "#harness/model/probe-wire.ts";
import type { Flow } from "#harness/workloads/flows.ts";
import { clusterAnswering, exampleFlow } from "./example-prober.ts";
import { paced, watchClosed, watchDenial, watchInParts, watchServed } from "./watch.ts";

type Sent = AskAnswer & { readonly sentMs: number };

/** Answers of a prober on its schedule. */
const steady = (count: number, everyMs: number = paced.everyMs, outcome: AskAnswer["outcome"] = "timeout") =>
  Array.from(
    { length: count },
    (_, i): Sent => ({ outcome, body: "a", detail: "", ms: 1, sentMs: i * everyMs }),
  );

/** Of one that stood still for 1.2 s, and then sent what was due at once. */
const stalled = (answers: readonly Sent[]) =>
  answers.map((a) => ({ ...a, sentMs: a.sentMs > 2000 && a.sentMs < 3200 ? 3200 : a.sentMs }));

describe("a watch", () => {
  test("of probers that kept to their schedule is sent once", async () => {
    const counts: number[] = [];
    const send = async (targets: readonly string[], count: number) => {
      counts.push(count);
      return targets.map(() => steady(count));
    };
    const watches = await watchInParts(["a", "b"], send, { withinMs: 10_000 });
    expect(counts).toEqual([paced.count]);
    expect(watches.map((parts) => parts.length)).toEqual([1, 1]);
  });

  test("goes on for the time in which a prober stood still, on its target only", async () => {
    const calls: { readonly targets: readonly string[]; readonly count: number }[] = [];
    const send = async (targets: readonly string[], count: number) => {
      calls.push({ targets, count });
      return targets.map((t) => (t === "a" && calls.length < 3 ? stalled(steady(count)) : steady(count)));
    };
    const watches = await watchInParts(["a", "b"], send, { withinMs: 10_000 });
    expect(calls.map((c) => c.targets)).toEqual([["a", "b"], ["a"]]);
    // 1.2 s less what a watch has to spare, and as much to spare again.
    expect(calls[1]?.count).toBeGreaterThan(1000 / paced.everyMs);
    expect(calls[1]?.count).toBeLessThan(1400 / paced.everyMs);
    expect(watches.map((parts) => parts.length)).toEqual([2, 1]);
    expect(watches.map((parts) => unwatchedMs(joinedWatch(parts)))).toEqual([0, 0]);
  });

  test("goes on again if the prober stands still again", async () => {
    let calls = 0;
    const send = async (targets: readonly string[], count: number) => {
      calls += 1;
      return targets.map(() => (calls < 3 ? steady(count).map((a) => ({ ...a, sentMs: 0 })) : steady(count)));
    };
    const [parts = []] = await watchInParts(["a"], send, { withinMs: 10_000 });
    expect(calls).toBe(3);
    expect(unwatchedMs(joinedWatch(parts))).toBe(0);
  });

  test("goes on for no longer than allowed, and not for a prober that reports nothing", async () => {
    let calls = 0;
    const send = async (targets: readonly string[], count: number) => {
      calls += 1;
      return targets.map((t) => (t === "a" ? stalled(steady(count)) : []));
    };
    const [parts = []] = await watchInParts(["a"], send, { withinMs: 0 });
    expect(unwatchedMs(joinedWatch(parts))).toBeGreaterThan(1000);
    await watchInParts(["nothing"], send, { withinMs: 10_000 });
    expect(calls).toBe(2);
  });
});

/** The flows of a client whose prober answers in this way; `round` counts the programs that it was started for. */
function flowsThat(reply: (target: AskTarget, spec: AskSpec, round: number) => readonly AskAnswer[]) {
  let round = 0;
  const cluster = clusterAnswering((spec) => {
    round += 1;
    return spec.asks.map((target) => reply(target, spec, round));
  });
  return (port: number): Flow => exampleFlow(cluster, port);
}

const asking = { timeoutMs: 2000, within: { withinMs: 10_000, signal: AbortSignal.timeout(60_000) } };

test("closed flows are watched for the time in which their prober stood still, too", async () => {
  const flow = flowsThat(({ count }, _, round) => (round === 1 ? stalled(steady(count)) : steady(count)));
  const [answers = []] = await watchClosed([flow(80)], asking);
  expect(answers.length).toBeGreaterThan(paced.count + 100);
  expect(unwatchedMs(answers)).toBe(0);
});

test("open flows are asked four times a second for as long as the closed ones are watched", async () => {
  const asked: string[] = [];
  const flow = flowsThat(({ port, count }, { everyMs = 0 }) => {
    asked.push(`${port}: ${count} every ${everyMs} ms`);
    return steady(count, everyMs, port === 80 ? "timeout" : "ok");
  });
  const { closed, open, late } = await watchDenial([flow(80)], [flow(81)], asking);
  expect(asked.sort()).toEqual([`80: ${paced.count} every ${paced.everyMs} ms`, "81: 22 every 250 ms"]);
  const lastOf = (answers: readonly AskAnswer[] = []): number => answers.at(-1)?.sentMs ?? 0;
  expect(lastOf(open[0])).toBeGreaterThanOrEqual(lastOf(closed[0]));
  expect(late).toEqual([]);
});

test("a prober that stood still is named once, and its flows are watched for longer", async () => {
  const flow = flowsThat(({ count }, _, round) =>
    round === 1 ? stalled(steady(count, undefined, "ok")) : steady(count, undefined, "ok"),
  );
  const echo = { readinessTimes: async () => new Map([["a", "1"]]) };
  const { answers, troubles } = await watchServed([flow(80), flow(81)], echo, asking);
  expect(answers.map(unwatchedMs)).toEqual([0, 0]);
  expect(troubles.late).toHaveLength(1);
  expect(troubles.unsteady).toEqual([]);
});
