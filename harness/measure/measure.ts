import type { Cluster } from "#harness/cluster/cluster.ts";
import type { InjectedFault } from "#harness/faults/fault.ts";
import { connectionFigures } from "#harness/judge/connections.ts";
import { type FailoverFacts, failoverFacts, judgeFailover, judgeOutage } from "#harness/judge/failover.ts";
import { phasesOf } from "#harness/judge/phases.ts";
import { judgeRig, type RigThresholds } from "#harness/judge/rig.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { missedDeadline } from "#harness/lib/errors.ts";
import { pause } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import { hundredths } from "#harness/lib/stats.ts";
import type { History } from "#harness/model/history.ts";
import type { Affinity, Disturbance, Measurement, VantageFigures } from "#harness/model/measurement.ts";
import { combine, failedBecause, passed, type Verdict } from "#harness/model/verdict.ts";
import { prioritisePods, prioritiseSelf } from "#harness/platform/priority.ts";
import type { Stream } from "#harness/probe/driver.ts";
import { ChainWatch } from "./chain.ts";
import { type Requested, Traffic, type TrafficOptions } from "./traffic.ts";

/**
 * Raise it whenever the same traffic would give another figure. Version 2 also sees the agent's update in its table
 * of backends; version 1 left a fifth of the runs partly unexplained.
 */
export const methodVersion = 2;

export interface Expected {
  /** In the end only these clusters may serve clients of the client cluster. */
  readonly movesTo?: readonly string[];
  /** The longest outage that clients may see; absent if the outage is measured and not judged. */
  readonly awayWithinMs?: number;
  /** After healing. */
  readonly backWithinMs: number;
  /** For clients of the other clusters, if the fault must not affect them. */
  readonly othersWithinMs?: number;
}

export interface MeasureOptions extends Omit<TrafficOptions, "lostNodes"> {
  readonly scenario: string;
  readonly affinity: Affinity;
  readonly target: Cluster;
  readonly lostNodes?: readonly string[];
  /** The clusters that serve the clients of a cluster before and after the fault; by default any. */
  readonly servedBy?: (cluster: string) => readonly string[];
  readonly expected: Expected;
  /** The longest and the shortest time to hold the fault: it is healed when traffic is stable. */
  readonly horizonMs: number;
  readonly holdMs?: number;
  readonly stableMs: number;
  readonly rig: RigThresholds;
  readonly inject: () => Promise<InjectedFault>;
}

export type Figures = Pick<
  Measurement,
  | "method"
  | "scenario"
  | "affinity"
  | "struck"
  | "client"
  | "away"
  | "back"
  | "phases"
  | "others"
  | "connections"
  | "prober"
>;

export interface Measured {
  readonly figures: Figures;
  readonly verdict: Verdict;
  /** When the fault began, on the harness's clock. */
  readonly faultUnixMs: number;
}

/**
 * Measures one disturbance from every vantage point: injects the fault, holds it until traffic is stable or the
 * horizon is over, and heals it.
 */
export async function measure(options: MeasureOptions): Promise<Measured> {
  const { signal, stableMs, settleMs, target, client } = options;
  await using traffic = await Traffic.start({ ...options, lostNodes: options.lostNodes ?? [] });
  await using chain = await ChainWatch.start({
    namespace: options.echo.namespace,
    service: options.service,
    target,
    client,
    node: traffic.mainVantage.node,
    clusterIp: traffic.clusterIp,
    signal,
  });
  // Longer than `stableMs`, so that the judged interval contains a complete stable one.
  const quietMs = 1.5 * stableMs;
  const before = { withinMs: settleMs, quietMs, sinceUnixMs: 0 };
  await prioritisePods(await options.echo.podUids());
  await settled(traffic, options.servedBy, before);
  await using _first = await prioritiseSelf();
  for (const stream of traffic.kept) await stream.settled({ withinMs: settleMs, quietMs: stableMs });

  await using fault = await options.inject();
  const faultUnixMs = fault.begunUnixMs;
  traffic.mark(options.scenario, faultUnixMs);
  const moved = (cluster: string) => (cluster === client.name ? options.expected.movesTo : undefined);
  const away = { withinMs: options.horizonMs, quietMs, sinceUnixMs: faultUnixMs };
  // The end of the horizon is a figure, not an error; the histories show the outage.
  await Promise.all([
    settled(traffic, moved, away).catch((error: unknown) => {
      if (!missedDeadline(error)) throw error;
    }),
    pause(options.holdMs ?? 0, signal),
  ]);
  const healingUnixMs = unixNowMs();
  traffic.mark("healing begins", healingUnixMs);
  await fault.heal();
  await settled(traffic, options.servedBy, { ...before, sinceUnixMs: unixNowMs() });
  await traffic.stop();

  const times = { faultUnixMs, healingUnixMs };
  const points: Point[] = [];
  for (const requested of traffic.requested) points.push(await pointOf(requested, options, times));
  const main = found(
    points.find(({ stream }) => stream === traffic.main),
    `history of ${traffic.main.options.title}`,
  );
  // If a prober got too little CPU time, its losses are not the mesh's.
  const rigs = combine(points.map(({ rig }) => rig));
  return {
    figures: {
      method: methodVersion,
      scenario: options.scenario,
      affinity: options.affinity,
      struck: target.name,
      client: client.name,
      away: disturbance(main.facts),
      back: disturbance(main.back),
      phases: phasesOf(chain.record(), main.facts, {
        ...times,
        proberZeroUnixMs: main.history.startedAtUnixMs,
        proberErrorMs: main.history.clockErrorMs,
      }),
      others: points.filter((point) => point !== main).map(vantageFigures),
      connections: await keptConnections(traffic, stableMs, faultUnixMs),
      prober: proberFigures(main, traffic),
    },
    verdict: rigs.outcome === "pass" ? combine(points.flatMap(({ verdicts }) => verdicts)) : rigs,
    faultUnixMs,
  };
}

/** Waits until every client is served without a loss: by the given clusters for its own cluster, or by any. */
async function settled(
  traffic: Traffic,
  servedBy: ((cluster: string) => readonly string[] | undefined) | undefined,
  stretch: { readonly withinMs: number; readonly quietMs: number; readonly sinceUnixMs: number },
): Promise<void> {
  await Promise.all(
    traffic.requested.map(({ stream, cluster }) => {
      const expectedClusters = servedBy?.(cluster);
      return stream.settled({
        ...stretch,
        ...(expectedClusters === undefined ? {} : { servedBy: expectedClusters }),
      });
    }),
  );
}

/** The history of one vantage point, and its verdict. */
interface Point {
  readonly stream: Stream;
  readonly facts: FailoverFacts;
  readonly back: FailoverFacts;
  /** Without the samples, which are on disk. */
  readonly history: History;
  readonly rig: Verdict;
  readonly verdicts: readonly Verdict[];
}

async function pointOf(
  { stream, cluster }: Requested,
  options: MeasureOptions,
  { faultUnixMs, healingUnixMs }: { readonly faultUnixMs: number; readonly healingUnixMs: number },
): Promise<Point> {
  const { client, expected, servedBy, stableMs } = options;
  const history = await stream.history();
  const zeroMs = history.startedAtUnixMs;
  const away = { stableMs, sinceMs: faultUnixMs - zeroMs, untilMs: healingUnixMs - zeroMs };
  const back = { stableMs, sinceMs: away.untilMs };
  const facts = failoverFacts(history, {
    ...away,
    ...(servedBy === undefined ? {} : { from: servedBy(client.name) }),
    ...(expected.movesTo === undefined ? {} : { to: expected.movesTo }),
  });
  return {
    stream,
    facts,
    back: failoverFacts(history, back),
    history: { ...history, samples: [], control: [] },
    rig: judgeRig(history, options.rig, away.sinceMs),
    verdicts: [judgeAway(history, away, options, cluster === client.name), judgeBack(history, back, options)],
  };
}

const vantageFigures = ({ facts, history }: Point): VantageFigures => ({
  ...disturbance(facts),
  title: history.title,
  everyMs: history.everyMs,
  latenessP99Ms: hundredths(facts.latenessP99Ms),
});

const proberFigures = ({ facts, history }: Point, { probers }: Traffic): Figures["prober"] => ({
  latenessP99Ms: hundredths(facts.latenessP99Ms),
  cpuShare: hundredths(history.cpuShare),
  allCpuShare: hundredths(probers.reduce((sum, p) => sum + p.cpuShare, 0)),
  everyMs: history.everyMs,
  sent: facts.sent,
});

async function keptConnections(
  traffic: Traffic,
  stableMs: number,
  faultUnixMs: number,
): Promise<Figures["connections"]> {
  const connections = [];
  for (const stream of traffic.kept) {
    const history = await stream.history();
    const sinceMs = faultUnixMs - history.startedAtUnixMs;
    connections.push(connectionFigures(history, { stableMs, sinceMs }));
  }
  return connections;
}

/** Without an expectation only the test machine is judged, which happened before. */
function judgeAway(
  history: History,
  stretch: { stableMs: number; sinceMs: number; untilMs: number },
  { expected, servedBy, target, client, rig }: MeasureOptions,
  judged: boolean,
): Verdict {
  const { movesTo, awayWithinMs, othersWithinMs } = expected;
  const withinMs = judged ? awayWithinMs : othersWithinMs;
  if (withinMs === undefined) return passed;
  if (!judged || movesTo === undefined) return judgeOutage(history, { ...stretch, withinMs, rig });
  const from = servedBy?.(client.name) ?? [target.name];
  return judgeFailover(history, { ...stretch, from, to: movesTo, withinMs, rig });
}

function judgeBack(
  history: History,
  stretch: { stableMs: number; sinceMs: number },
  { expected, rig }: MeasureOptions,
): Verdict {
  const verdict = judgeOutage(history, { ...stretch, withinMs: expected.backWithinMs, rig });
  return verdict.outcome === "fail"
    ? failedBecause(verdict.reasons.map((r) => `after healing: ${r}`))
    : verdict;
}

function disturbance(facts: FailoverFacts): Disturbance {
  return {
    recovered: facts.recovered,
    outageMs: hundredths(facts.outageMs),
    longestGapMs: hundredths(facts.longestGapMs),
    lost: facts.lost,
    lossOutcomes: facts.lossOutcomes,
  };
}
