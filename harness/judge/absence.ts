import { sortedQuantile } from "#harness/lib/stats.ts";
import type { AskAnswer } from "#harness/model/probe-wire.ts";
import { combine, failedBecause, unknownBecause, type Verdict } from "#harness/model/verdict.ts";
import { startingMs } from "./blame.ts";
import { ofBudget } from "./rig.ts";

/**
 * So many requests over so long see a leak of 1 % with a probability of 99 % (0.99^460 = 0.0098). Time in which the prober
 * sent nothing for over `holeMs` was not watched, and does not count: what came meanwhile was not seen. METHOD.md's rule 15
 * allows a stall of 25 % of what is judged, but several of those would leave nothing of five seconds; a prober that starts
 * on a busy machine stands still for 300 ms.
 */
export const absence = { requests: 460, overMs: 5000, holeMs: 500 } as const;

/** Requests of one client to one address and port by one protocol, in three parts. */
export interface Watched {
  /** `east/denied -> west/server (10.2.1.7:8081/udp)`. */
  readonly flow: string;
  /** While the flow is open: without these a silent flow proves nothing. */
  readonly before: readonly AskAnswer[];
  readonly during: readonly AskAnswer[];
  readonly after: readonly AskAnswer[];
}

/** Whether nothing at all came through on a flow that was open before and after. */
export function judgeDenied({ flow, before, during, after }: Watched): Verdict {
  const through = during.filter((a) => a.outcome !== "timeout" && !isNoAnswer(a));
  const odd = during.filter(isNoAnswer);
  const [first] = through;
  return combine([
    judgeControl(`${flow}, before the denial`, before),
    judgeEnough(flow, during),
    first === undefined
      ? failedBecause([])
      : failedBecause([
          `${flow}: ${through.length} of ${during.length} requests got through (${describe(first)}), but it is denied`,
        ]),
    odd[0] === undefined
      ? failedBecause([])
      : unknownBecause([`${flow}: neither an answer nor a drop: ${describe(odd[0])}`]),
    judgeControl(`${flow}, after the denial`, after),
  ]);
}

/**
 * Whether every request was answered, and only by the expected pods, after others had answered too and before they did
 * again.
 */
export function judgeWithdrawn(
  { flow, before, during, after }: Watched,
  {
    withdrawn,
    returned = withdrawn,
    ...serving
  }: Serving & {
    /** Must have answered before. */
    readonly withdrawn: readonly string[];
    /** Must answer after, if the pods have other names then. */
    readonly returned?: readonly string[];
  },
): Verdict {
  return combine([
    judgeOnly(flow, during, serving),
    failedBecause(withdrawn.length === 0 ? [`${flow}: no backend was withdrawn, which proves nothing`] : []),
    judgeServed(`${flow}, before the withdrawal`, before, withdrawn),
    judgeServed(`${flow}, after the withdrawal`, after, returned),
  ]);
}

/**
 * Whether a flow stayed open while others were closed: every request was answered. A late prober excuses requests without
 * an answer in time, as in `judgeOnly`.
 */
export const judgeStaysOpen = (flow: string, during: readonly AskAnswer[], late: Troubles["late"]): Verdict =>
  unlessSpoiled(flow, during, { expected: [], troubles: { late, unsteady: [] } });

/** What the test machine did during a watch. */
export interface Troubles {
  /** Of the prober, as sentences: it was late. Nothing is excused without these. */
  readonly late: readonly string[];
  /** The pods that became ready or unready meanwhile. */
  readonly unsteady: readonly string[];
}

export interface Serving {
  readonly expected: readonly string[];
  readonly troubles?: Troubles;
}

/**
 * A prober that was late shows a machine without time for its programs. Answers may be late then as well; and where a
 * readiness probe was late too, a backend leaves, whose UDP sockets Cilium closes. A flow that lost everything, and a
 * backend that became unready on a machine that had time, are failures.
 */
function unlessSpoiled(flow: string, during: readonly AskAnswer[], { expected, troubles }: Serving): Verdict {
  const losses = judgeControl(flow, during);
  if (losses.outcome === "pass" || troubles === undefined) return losses;
  const unsteady = troubles.unsteady.filter((pod) => expected.includes(pod));
  const changed = unsteady.map((pod) => `backend ${pod} became ready or unready meanwhile`);
  const bad = during.filter((a) => a.outcome !== "ok");
  const excusable = unsteady.length > 0 || bad.every((a) => a.outcome === "timeout");
  const spoiled = troubles.late.length > 0 && excusable && bad.length < during.length;
  return spoiled
    ? unknownBecause([
        ...losses.reasons,
        ...[...troubles.late, ...changed].map((t) => `the test machine was disturbed: ${t}`),
      ])
    : failedBecause([...losses.reasons, ...changed]);
}

/** Whether in many requests over some time every one was answered, and only by the expected pods. */
export const judgeOnly = (flow: string, during: readonly AskAnswer[], serving: Serving): Verdict =>
  combine([judgeEnough(flow, during), judgeOnlyBy(flow, during, serving)]);

/** The same of any number of requests: for a look, which a watch follows. */
export function judgeOnlyBy(flow: string, during: readonly AskAnswer[], serving: Serving): Verdict {
  const { expected } = serving;
  const surplus = new Map<string, number>();
  for (const { outcome, body } of during) {
    const pod = body.trim();
    if (outcome === "ok" && !expected.includes(pod)) surplus.set(pod, (surplus.get(pod) ?? 0) + 1);
  }
  return combine([
    unlessSpoiled(flow, during, serving),
    failedBecause([
      ...[...surplus].map(
        ([pod, count]) =>
          `${flow}: ${pod} answered ${count} of ${during.length} requests, but it should not serve`,
      ),
      ...(expected.length === 0 ? [`${flow}: no backend is expected, which proves nothing`] : []),
    ]),
  ]);
}

/** Whether nobody answers a flow, whatever else becomes of its requests: its address or name is gone. */
export const judgeGone = (flow: string, during: readonly AskAnswer[]): Verdict =>
  combine([judgeEnough(flow, during), judgeUnanswered(flow, during)]);

/** The same of any number of requests: for a look, which a watch follows. */
export function judgeUnanswered(flow: string, answers: readonly AskAnswer[]): Verdict {
  const answered = answers.filter((a) => a.outcome === "ok");
  const [first] = answered;
  return failedBecause(
    first === undefined
      ? []
      : [`${flow}: ${answered.length} of ${answers.length} requests were answered (${describe(first)})`],
  );
}

/** A control in the same protocol: every request was answered, by each of some pods at least once. */
export function judgeServed(what: string, answers: readonly AskAnswer[], pods: readonly string[]): Verdict {
  const seen = new Set(answers.filter((a) => a.outcome === "ok").map((a) => a.body.trim()));
  const missing = pods.filter((p) => !seen.has(p));
  return combine([
    judgeControl(what, answers),
    failedBecause(missing.length === 0 ? [] : [`${what}: no answer from ${missing.join(", ")}`]),
  ]);
}

/** Every request was answered, and there was one. */
export function judgeControl(what: string, answers: readonly AskAnswer[]): Verdict {
  const bad = answers.filter((a) => a.outcome !== "ok");
  const [first] = bad;
  if (answers.length === 0) return failedBecause([`${what}: no request was sent`]);
  return failedBecause(
    first === undefined
      ? []
      : [
          `${what}: ${bad.length} of ${answers.length} requests were not answered (${describe(first)})${when(bad)}`,
        ],
  );
}

/** Where in the watch: losses at its begin are of the change before it, others are not. */
function when(answers: readonly AskAnswer[]): string {
  const times = answers.flatMap(({ sentMs }) => (sentMs === undefined ? [] : [sentMs]));
  if (times.length === 0) return "";
  const [first, last] = [Math.min(...times), Math.max(...times)].map((ms) => ms.toFixed(0));
  return first === last ? `, sent at ${first} ms` : `, sent at ${first} to ${last} ms`;
}

/**
 * How late a prober sent the requests of a watch, as sentences; empty if that was near its schedule, of one request
 * every `everyMs` from the first on. The limits are those of a budget (METHOD.md, rule 15): the time of a request.
 */
export function lateSending(
  flow: string,
  during: readonly AskAnswer[],
  { everyMs, timeoutMs }: { readonly everyMs: number; readonly timeoutMs: number },
): string[] {
  const sent = during.flatMap(({ sentMs }) => (sentMs === undefined ? [] : [sentMs]));
  const first = Math.min(...sent);
  // Its own start delays the first requests.
  const late = sent
    .map((ms, i) => ({ atMs: ms - first, lateMs: Math.max(0, ms - first - i * everyMs) }))
    .filter(({ atMs }) => atMs >= startingMs)
    .map(({ lateMs }) => lateMs)
    .sort((a, b) => a - b);
  if (late.length === 0) return [];
  const [p99, largest] = [sortedQuantile(late, 0.99), sortedQuantile(late, 1)];
  const [p99Limit, stallLimit] = [ofBudget.latenessP99 * timeoutMs, ofBudget.stall * timeoutMs];
  if (p99 <= p99Limit && largest <= stallLimit) return [];
  return [
    `${flow}: the prober sent 1 % of its requests over ${p99.toFixed(0)} ms late, at most ${largest.toFixed(0)} ms (limits ${p99Limit.toFixed(0)} and ${stallLimit.toFixed(0)} ms)`,
  ];
}

const sentTimes = (answers: readonly AskAnswer[]): number[] =>
  answers.flatMap(({ sentMs }) => (sentMs === undefined ? [] : [sentMs])).sort((a, b) => a - b);

/** The time that a watch covers, without the holes in it; NaN if a request has no time. */
function watchedMs(answers: readonly AskAnswer[]): number {
  const times = sentTimes(answers);
  if (times.length < answers.length) return Number.NaN;
  const spanMs = (times.at(-1) ?? 0) - (times[0] ?? 0);
  const gaps = times.slice(1).map((ms, i) => ms - (times[i] ?? ms));
  return spanMs - gaps.filter((ms) => ms > absence.holeMs).reduce((sum, ms) => sum + ms, 0);
}

/** How much longer an absence must be watched; 0 if it was for long enough, NaN if a request has no time. */
export const unwatchedMs = (answers: readonly AskAnswer[]): number =>
  Math.max(0, absence.overMs - watchedMs(answers));

/** The parts of a watch as one: each begins when the part before it ended, so that the time between them does not count. */
export function joinedWatch(parts: readonly (readonly AskAnswer[])[]): readonly AskAnswer[] {
  const joined: AskAnswer[] = [];
  for (const part of parts) {
    const [firstMs = 0] = sentTimes(part);
    const shiftMs = joined.length === 0 ? 0 : (sentTimes(joined).at(-1) ?? 0) - firstMs;
    for (const answer of part) {
      const { sentMs } = answer;
      joined.push(sentMs === undefined ? answer : { ...answer, sentMs: sentMs + shiftMs });
    }
  }
  return joined;
}

/** Fewer requests, or a shorter time, could miss a leak: that is trouble of the prober. */
function judgeEnough(what: string, answers: readonly AskAnswer[]): Verdict {
  const ms = watchedMs(answers);
  return answers.length >= absence.requests && ms >= absence.overMs
    ? failedBecause([])
    : unknownBecause([
        `${what}: ${answers.length} requests in ${ms.toFixed(0)} ms without pauses of the prober of over ${absence.holeMs} ms, of at least ${absence.requests} in ${absence.overMs} ms`,
      ]);
}

/** The prober or the route is broken: says nothing of the mesh. */
const isNoAnswer = ({ outcome }: AskAnswer): boolean => outcome === "error" || outcome === "unreachable";

const describe = ({ outcome, detail, body }: AskAnswer): string =>
  [outcome, detail, body.trim().slice(0, 60)].filter((text) => text !== "").join(", ");
