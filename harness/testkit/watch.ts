import { absence, joinedWatch, lateSending, type Troubles, unwatchedMs } from "#harness/judge/absence.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import { type Answers, askFlows, type Flow, flowName } from "#harness/workloads/flows.ts";
import type { Waiting } from "./within.ts";

/** A little more than needed, so that a late first request does not shorten the time. */
const spareRequests = 10;

/** The requests of a watch, on each flow. */
export const paced = {
  count: absence.requests + spareRequests,
  everyMs: Math.ceil((absence.overMs / (absence.requests - 1)) * 10) / 10,
} as const;

/** A dropped request of a closed flow need not be waited for any longer: an answer takes milliseconds. */
export const closedTimeoutMs = 500;

/** Of a flow that should stay open while others are watched: it may be asked less often, but for as long. */
const openEveryMs = 250;

export interface Asking {
  /** Of each request of a flow that should be open. */
  readonly timeoutMs: number;
  /** For a change to have its effect, and for a watch to make up for the time in which its prober stood still. */
  readonly within: Waiting;
}

/** Sends so many requests to each target at the interval of `paced`; one list of answers for each, in order. */
type Send<T> = (targets: readonly T[], count: number) => Promise<readonly Answers[]>;

/** The answers of one target, in parts that were each sent without a break. */
type Parts = readonly Answers[];

/**
 * Watches targets over the time that an absence needs; the parts of each target's watch. Where a prober stood still, as
 * much time as it missed is watched again: a slow machine makes a watch longer, not weaker. No part begins later than
 * `withinMs` after the first one's end; a watch that is too short then is `unknown` to the judges of absence.
 */
export async function watchInParts<T>(
  targets: readonly T[],
  send: Send<T>,
  { withinMs }: Pick<Waiting, "withinMs">,
): Promise<readonly Parts[]> {
  const first = await send(targets, paced.count);
  const watches = targets.map((target, i) => ({ target, parts: [first[i] ?? []] }));
  const endedMs = monotonicMs();
  for (;;) {
    // A prober that reported nothing is broken, not late.
    const short = watches.filter(
      ({ parts }) => parts.at(-1)?.length !== 0 && unwatchedMs(joinedWatch(parts)) > 0,
    );
    if (short.length === 0 || monotonicMs() - endedMs >= withinMs) return watches.map(({ parts }) => parts);
    const missedMs = Math.max(...short.map(({ parts }) => unwatchedMs(joinedWatch(parts))));
    const more = await send(
      short.map(({ target }) => target),
      Math.ceil(missedMs / paced.everyMs) + spareRequests,
    );
    for (const [i, { parts }] of short.entries()) parts.push(more[i] ?? []);
  }
}

/** What probers did of their own, in every part of a watch. */
const lateIn = (
  flows: readonly Flow[],
  watches: readonly Parts[],
  schedule: { readonly everyMs: number; readonly timeoutMs: number },
): string[] =>
  flows.flatMap((f, i) => (watches[i] ?? []).flatMap((part) => lateSending(flowName(f), part, schedule)));

/** All flows of a watch share one machine: where one prober had no time, the programs of the others had none either. */
const firstLate = (late: readonly string[]): Troubles["late"] => late.slice(0, 1);

/** Many requests on flows that nobody should answer, over the time that an absence needs. */
export async function watchClosed(
  flows: readonly Flow[],
  { within }: Pick<Asking, "within">,
): Promise<readonly Answers[]> {
  const watches = await watchInParts(
    flows,
    (some, count) =>
      askFlows(some, {
        count,
        everyMs: paced.everyMs,
        timeoutMs: closedTimeoutMs,
        signal: within.signal,
      }),
    within,
  );
  return watches.map(joinedWatch);
}

export interface DenialWatch {
  readonly closed: readonly Answers[];
  readonly open: readonly Answers[];
  /** That a prober was late, as a sentence. */
  readonly late: Troubles["late"];
}

/** As `watchClosed`, while flows that should stay open are asked four times a second. */
export async function watchDenial(
  closed: readonly Flow[],
  open: readonly Flow[],
  { timeoutMs, within }: Asking,
): Promise<DenialWatch> {
  const { signal } = within;
  const openParts: (readonly Answers[])[] = [];
  const watches = await watchInParts(
    closed,
    async (some, count) => {
      const openCount = Math.ceil((count * paced.everyMs) / openEveryMs) + 1;
      const [ofClosed, ofOpen] = await Promise.all([
        askFlows(some, { count, everyMs: paced.everyMs, timeoutMs: closedTimeoutMs, signal }),
        askFlows(open, { count: openCount, everyMs: openEveryMs, timeoutMs, signal }),
      ]);
      openParts.push(ofOpen);
      return ofClosed;
    },
    within,
  );
  const openWatches = open.map((_, i) => openParts.map((part) => part[i] ?? []));
  return {
    closed: watches.map(joinedWatch),
    open: openWatches.map(joinedWatch),
    late: firstLate([
      ...lateIn(closed, watches, { everyMs: paced.everyMs, timeoutMs }),
      ...lateIn(open, openWatches, { everyMs: openEveryMs, timeoutMs }),
    ]),
  };
}

export interface ServedWatch {
  readonly answers: readonly Answers[];
  readonly troubles: Troubles;
}

/**
 * As `watchClosed`, on flows of which every request must be answered by these backends. `steady`: their readiness before
 * the watch, or before something that must not have disturbed it.
 */
export async function watchServed(
  flows: readonly Flow[],
  echo: Pick<EchoBackends, "readinessTimes">,
  { timeoutMs, within }: Asking,
  steady?: ReadonlyMap<string, string | undefined>,
): Promise<ServedWatch> {
  const before = steady ?? (await echo.readinessTimes());
  const { everyMs } = paced;
  const watches = await watchInParts(
    flows,
    (some, count) => askFlows(some, { count, everyMs, timeoutMs, signal: within.signal }),
    within,
  );
  const after = await echo.readinessTimes();
  const unsteady = [...after.keys()].filter((pod) => after.get(pod) !== before.get(pod));
  return {
    answers: watches.map(joinedWatch),
    troubles: { late: firstLate(lateIn(flows, watches, { everyMs, timeoutMs })), unsteady },
  };
}
