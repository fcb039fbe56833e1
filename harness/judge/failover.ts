import { formatMs } from "#harness/lib/clock.ts";
import { hundredths } from "#harness/lib/stats.ts";
import type { History } from "#harness/model/history.ts";
import type { LossLimits, Move, Point, Window } from "#harness/model/loss-record.ts";
import { burstQuietMs, recoveryMs } from "#harness/model/measurement.ts";
import { combine, failedBecause, passed, unknownBecause, type Verdict } from "#harness/model/verdict.ts";
import { describeLosses, type LossFacts, lossFacts, lostShareOf } from "./losses.ts";
import { judgeProber, limitsForBudget, type RigFacts, type RigThresholds, rigFacts } from "./rig.ts";
import { windowsOf } from "./windows.ts";

/** What a history shows of a disturbance; times on the prober's clock. */
export interface FailoverFacts extends LossFacts, RigFacts {
  readonly lastOldMs: number | undefined;
  readonly firstNewMs: number | undefined;
  readonly cpuShare: number;
}

/** The window of a history that is judged. */
export interface JudgedInterval {
  /** When the fault (or the healing) began. */
  readonly sinceMs: number;
  /** When the judged window ends; the history's end by default. */
  readonly untilMs?: number;
}

export interface OutageExpectation extends JudgedInterval {
  readonly withinMs: number;
  /** The most bursts of losses; any number by default. */
  readonly bursts?: number;
  readonly rig: RigThresholds;
}

export interface FailoverExpectation extends OutageExpectation {
  /** The clusters that answered before, and those that must answer after. */
  readonly from: readonly string[];
  readonly to: readonly string[];
}

const cutsOf = ({ sinceMs, untilMs }: JudgedInterval) => ({
  sinceMs,
  ...(untilMs === undefined ? {} : { healedMs: untilMs }),
});

export function failoverFacts(
  history: History,
  interval: JudgedInterval & { readonly from?: readonly string[]; readonly to?: readonly string[] },
): FailoverFacts {
  const { before, away } = windowsOf(history, cutsOf(interval));
  return {
    ...rigFacts(history, interval.sinceMs),
    ...lossFacts(away, { everyMs: history.everyMs, before }),
    lastOldMs: lastAnswerMs([before, away], interval.from ?? []),
    firstNewMs: firstAnswerMs(away, interval.to ?? []),
    cpuShare: history.cpuShare,
  };
}

/** When the last answer of any of these clusters ended. */
function lastAnswerMs(windows: readonly Window[], clusters: readonly string[]): number | undefined {
  const ends = windows.flatMap((w) => clusters.flatMap((c) => w.answers[c]?.[2] ?? []));
  return ends.length === 0 ? undefined : Math.max(...ends);
}

/** When the first answer of any of these clusters ended. */
export function firstAnswerMs({ answers }: Window, clusters: readonly string[]): number | undefined {
  const ends = clusters.flatMap((c) => answers[c]?.[1] ?? []);
  return ends.length === 0 ? undefined : Math.min(...ends);
}

/** A verdict that is unknown only because Kubernetes or the machine was slow: what was measured is sound. */
export interface Judgement extends Verdict {
  readonly undecided: boolean;
}

const undecidedBecause = (reasons: readonly string[]): Judgement => ({
  ...unknownBecause(reasons),
  undecided: true,
});
const sound = (verdict: Verdict): Judgement => ({ ...verdict, undecided: false });

const verdictOf = ({ undecided: _, ...verdict }: Judgement): Verdict => verdict;

/** The same rule as of verdicts; what leaves one of them open leaves the whole open only if nothing else does. */
export function combineJudgements(judgements: readonly Judgement[]): Judgement {
  const verdict = combine(judgements);
  const open = judgements.filter((j) => j.outcome === "unknown");
  return { ...verdict, undecided: verdict.outcome === "unknown" && open.every((j) => j.undecided) };
}

/** The verdict on one move of traffic in a history. */
export function judgeFailover(history: History, expectation: FailoverExpectation): Verdict {
  const { from, to, withinMs, rig } = expectation;
  const move = { from: [...from], to: [...to], withinMs };
  return verdictOf(judgeAway(pointOf(history, expectation, move), rig, inTime));
}

/** The verdict if traffic need not move: how much was lost. */
export function judgeOutage(history: History, expectation: OutageExpectation): Verdict {
  return verdictOf(judgeAway(pointOf(history, expectation), expectation.rig, inTime));
}

function pointOf(history: History, expectation: OutageExpectation, move?: Move): Judged {
  const { withinMs, bursts = Number.POSITIVE_INFINITY } = expectation;
  const { vantage, target, everyMs } = history;
  return {
    ...{ vantage, target, everyMs },
    ...windowsOf(history, cutsOf(expectation)),
    expected: {
      away: { lostTimeMs: withinMs, longestGapMs: withinMs, bursts },
      ...(move === undefined ? {} : { move }),
    },
  };
}

type Judged = Pick<
  Point,
  "vantage" | "target" | "everyMs" | "missing" | "before" | "away" | "back" | "expected"
>;

/** What the chain's watch showed of the target cluster's own Kubernetes. */
export interface ControlPlane {
  /**
   * When, after the fault, its EndpointSlice named no backend of the cluster any more, by the earliest stamp of it and of
   * what follows from it; undefined if that was not seen.
   */
  readonly announcedMs: number | undefined;
  /** How late its API server reported a change, before the fault. */
  readonly delayMs: number;
}

/** Of a history alone: nothing excuses a late answer. */
const inTime: ControlPlane = { announcedMs: undefined, delayMs: 0 };

/**
 * The verdict on a vantage point: away and back, each only if its own prober was undisturbed in that window. A window
 * without limits is not judged. Too much lost time is no failure of the mesh where Kubernetes itself stood still, or
 * answers were slow, before the fault: the prober runs in real time, so its own lateness does not show a machine that is
 * too slow (METHOD.md, rule 15).
 */
export const judgePoint = (
  point: Judged,
  rig: RigThresholds,
  controlPlane: ControlPlane = inTime,
): Judgement =>
  combineJudgements([
    judgeAway(point, rig, controlPlane),
    sound(judgeEnd(point, rig)),
    judgeBack(point, rig, controlPlane),
  ]);

/** The last part of a fault, without its very end: a request sent there may be answered after the healing. */
const endOfFault = { fromMs: 6000, toMs: 1000 } as const;

/** Whether the share of requests that is lost just before the healing is the expected one. */
function judgeEnd(point: Judged, rig: RigThresholds): Verdict {
  const expected = point.expected.lostAtEnd;
  if (expected === undefined) return passed;
  const machine = judgeProber(point, point.away, rig);
  if (machine.outcome !== "pass") return machine;
  const { untilMs } = point.away;
  const seen = lostShareOf(point.away, untilMs - endOfFault.fromMs, untilMs - endOfFault.toMs);
  const what = `${nameOf(point)}: in the last seconds of the fault`;
  if (seen === undefined) return unknownBecause([`${what} no request was sent`]);
  const [least, most] = expected.map((s) => `${(s * 100).toFixed(0)} %`);
  return failedBecause(
    seen >= expected[0] && seen <= expected[1]
      ? []
      : [`${what} ${(seen * 100).toFixed(0)} % of the requests were lost, expected ${least} to ${most}`],
  );
}

function judgeAway(point: Judged, plain: RigThresholds, controlPlane: ControlPlane): Judgement {
  const { away: limits, move } = point.expected;
  if (limits === undefined) return sound(passed);
  const rig = limitsForBudget(shortestOf(limits, move), plain);
  const prober = judgeProber(point, point.away, rig);
  if (prober.outcome !== "pass") return sound(prober);
  const what = nameOf(point);
  const facts = lossFacts(point.away, point);
  const losses = lossTroubles(what, facts, limits);
  const machine = stateOf(point, controlPlane);
  if (move === undefined) return judged(losses, { what, facts, rig, machine });
  const change = changeOf(point, move, controlPlane);
  const since = (announcedMs: number) => ({
    moves: moveTroubles(what, point, { ...move, announcedMs }),
    losses: lossTroubles(what, lossesOfMesh(facts, { change, announcedMs, ...point.away }), limits),
  });
  const [latest, earliest] = [since(change?.latestMs ?? 0), since(change?.earliestMs ?? 0)];
  if (countOf(latest.moves) + countOf(latest.losses) > 0) {
    const { moves } = latest;
    const troubles = { wrong: [...moves.wrong, ...losses.wrong], late: [...moves.late, ...losses.late] };
    return judged(troubles, { what, facts, rig, machine });
  }
  if (change !== undefined && countOf(earliest.moves) + countOf(earliest.losses) > 0)
    return undecidedBecause([
      ...losses.late,
      `${what}: from the change of the EndpointSlice on, ${formatMs(change.latestMs)} after the fault, it is within the budget, but before the fault the API server reported a change only after ${formatMs(controlPlane.delayMs)}: counted from so much earlier, it is not`,
    ]);
  return judged(latest.losses, { what, facts, rig, machine });
}

/** When Kubernetes announced that the old backends are gone, after the fault, and how much earlier it may have been. */
interface Change {
  readonly earliestMs: number;
  readonly latestMs: number;
}

/** No later than the first answer of the other clusters, which is an effect of it. */
function changeOf({ away }: Judged, move: Move, { announcedMs, delayMs }: ControlPlane): Change | undefined {
  if (announcedMs === undefined) return undefined;
  const firstNewMs = firstAnswerMs(away, move.to) ?? Number.POSITIVE_INFINITY;
  const latestMs = Math.max(0, Math.min(announcedMs, firstNewMs - away.sinceMs));
  return { latestMs, earliestMs: Math.max(0, latestMs - delayMs) };
}

/**
 * The losses without Kubernetes' own part: of the gap in which the change falls, what came before it. No mesh can act
 * earlier, and on a slow machine that part is long. A gap that an answer ended before the change is the mesh's: the old
 * backends were there still.
 */
function lossesOfMesh(
  facts: LossFacts,
  {
    change,
    announcedMs,
    sinceMs,
  }: { readonly change: Change | undefined; readonly announcedMs: number; readonly sinceMs: number },
): LossFacts {
  if (change === undefined) return facts;
  const gaps = facts.gaps.map(({ fromMs, toMs }) => {
    const isOpen = sinceMs + change.earliestMs < toMs && fromMs < sinceMs + change.latestMs;
    return isOpen ? Math.max(0, toMs - Math.max(fromMs, sinceMs + announcedMs)) : toMs - fromMs;
  });
  return { ...facts, lostTimeMs: gaps.reduce((sum, ms) => sum + ms, 0), longestGapMs: Math.max(0, ...gaps) };
}

function judgeBack(point: Judged, plain: RigThresholds, controlPlane: ControlPlane): Judgement {
  const limits = point.expected.back;
  if (limits === undefined) return sound(passed);
  const rig = limitsForBudget(shortestOf(limits), plain);
  const prober = judgeProber(point, point.back, rig);
  if (prober.outcome !== "pass") return sound(prober);
  const what = `after healing: ${nameOf(point)}`;
  const facts = lossFacts(point.back, { everyMs: point.everyMs, before: point.away });
  return judged(lossTroubles(what, facts, limits), {
    ...{ what, facts, rig },
    machine: stateOf(point, controlPlane),
  });
}

const nameOf = ({ vantage, target }: Judged): string => `${vantage} -> ${target}`;

/** The shortest budget of a window: the prober's errors must be small against it. */
function shortestOf({ lostTimeMs, longestGapMs }: LossLimits, move?: Move): number {
  return Math.min(lostTimeMs, longestGapMs, move?.withinMs ?? Number.POSITIVE_INFINITY);
}

/** How slow the machine was before the fault, of which the prober, which runs in real time, shows nothing. */
interface MachineState {
  /** How late the API server reported a change. */
  readonly reportMs: number;
  readonly answerP99Ms: number;
}

const stateOf = ({ before }: Judged, { delayMs }: ControlPlane): MachineState => ({
  reportMs: delayMs,
  answerP99Ms: before.latency?.p99Ms ?? 0,
});

function slowness(what: string, { reportMs, answerP99Ms }: MachineState, limitMs: number): string[] {
  const limit = `(limit ${hundredths(limitMs)} ms)`;
  return [
    ...(reportMs > limitMs
      ? [
          `${what}: before the fault the API server reported a change only after ${formatMs(reportMs)} ${limit}, so Kubernetes itself was slow`,
        ]
      : []),
    ...(answerP99Ms > limitMs
      ? [
          `${what}: before the fault 1 % of the answers took over ${formatMs(answerP99Ms)} ${limit}, so the machine was overloaded`,
        ]
      : []),
  ];
}

/** Sentences: what a slow machine does not explain, and what came too late or lasted too long. */
interface Troubles {
  readonly wrong: readonly string[];
  readonly late: readonly string[];
}

const countOf = ({ wrong, late }: Troubles): number => wrong.length + late.length;

/** A window too short to show recovery gives no pass; what exceeds a budget in it fails all the same. */
function judged(
  { wrong, late }: Troubles,
  {
    what,
    facts,
    rig,
    machine,
  }: {
    readonly what: string;
    readonly facts: LossFacts;
    readonly rig: RigThresholds;
    readonly machine: MachineState;
  },
): Judgement {
  const slow = slowness(what, machine, rig.stallMs);
  if (wrong.length === 0 && late.length > 0 && slow.length > 0) return undecidedBecause([...late, ...slow]);
  if (wrong.length + late.length > 0) return sound(failedBecause([...wrong, ...late]));
  if (facts.windowMs < recoveryMs)
    return sound(
      unknownBecause([
        `${what}: was observed for ${formatMs(facts.windowMs)}; only ${formatMs(recoveryMs)} without a loss show recovery`,
      ]),
    );
  return sound(passed);
}

function moveTroubles(
  what: string,
  { before, away }: Judged,
  move: Move & { readonly announcedMs: number },
): Troubles {
  const [from, to] = [move.from.join(" and "), move.to.join(" and ")];
  const moved = `${what}, ${from} to ${to}`;
  const wrong: string[] = [];
  const late: string[] = [];
  if (lastAnswerMs([before, away], move.from) === undefined)
    wrong.push(`${moved}: ${from} never answered, so no traffic could move away from it`);
  const firstMs = firstAnswerMs(away, move.to);
  if (firstMs === undefined) wrong.push(`${moved}: ${to} never answered`);
  else if (firstMs - away.sinceMs - move.announcedMs > move.withinMs) {
    const counts =
      move.announcedMs === 0
        ? ""
        : ` that counts from the change of the EndpointSlice (${formatMs(move.announcedMs)} after the fault)`;
    late.push(
      `${moved}: the first answer of ${to} came ${formatMs(firstMs - away.sinceMs)} after the fault, too late for the budget of ${move.withinMs} ms${counts}`,
    );
  }
  const straggled = straggledMs(away, move.from);
  if (straggled !== undefined)
    wrong.push(
      `${moved}: ${from} still answered in the last ${formatMs(burstQuietMs)} (the last such request was sent ${formatMs(straggled)} before the end)`,
    );
  return { wrong, late };
}

/** How long before the last request the old clusters were last chosen, if that is in the window's last second. */
function straggledMs({ runs, answers }: Window, from: readonly string[]): number | undefined {
  const endMs = runs.at(-1)?.lastMs ?? 0;
  const sent = from.flatMap((c) => answers[c]?.[3] ?? []);
  const lastMs = Math.max(Number.NEGATIVE_INFINITY, ...sent);
  return lastMs > endMs - burstQuietMs ? endMs - lastMs : undefined;
}

function lossTroubles(what: string, facts: LossFacts, limits: LossLimits): Troubles {
  const lost = `${facts.lost} requests lost: ${describeLosses(facts.lossOutcomes)}`;
  const wrong: string[] = [];
  const late: string[] = [];
  if (!facts.recovered && facts.windowMs >= recoveryMs)
    wrong.push(
      `${what}: requests were still being lost in the last ${formatMs(recoveryMs)} of the observation (${lost})`,
    );
  if (facts.lostTimeMs > limits.lostTimeMs)
    late.push(
      `${what}: lost time of ${facts.lostTimeMs.toFixed(0)} ms is over the budget of ${limits.lostTimeMs} ms (${lost}; ${facts.bursts} bursts)`,
    );
  else if (facts.longestGapMs > limits.longestGapMs)
    late.push(
      `${what}: a gap of ${facts.longestGapMs.toFixed(0)} ms is over the budget of ${limits.longestGapMs} ms (${lost})`,
    );
  if (facts.bursts > limits.bursts && limits.lostTimeMs > 0)
    late.push(`${what}: ${facts.bursts} bursts of losses are over the budget of ${limits.bursts} (${lost})`);
  return { wrong, late };
}
