import type { Cluster } from "#harness/cluster/cluster.ts";
import type { InjectedFault } from "#harness/faults/fault.ts";
import { connectionFigures } from "#harness/judge/connections.ts";
import { judgeLosses, type LossFigures, type UnnamedLosses } from "#harness/judge/measured.ts";
import type { RigThresholds } from "#harness/judge/rig.ts";
import { windowsOf } from "#harness/judge/windows.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { messageOf, missedDeadline } from "#harness/lib/errors.ts";
import { pause } from "#harness/lib/eventually.ts";
import { given } from "#harness/lib/given.ts";
import { hundredths } from "#harness/lib/stats.ts";
import type { LossLimits, Point, ShareRange } from "#harness/model/loss-record.ts";
import {
  type Affinity,
  calmBefore,
  type Measurement,
  methodVersion,
  quietBeforeMs,
} from "#harness/model/measurement.ts";
import type { SettingRecord } from "#harness/model/setting.ts";
import type { Tuning } from "#harness/model/tuning.ts";
import type { Verdict } from "#harness/model/verdict.ts";
import { prioritiseSelf } from "#harness/platform/priority.ts";
import { FirstBackends } from "#harness/workloads/first-backends.ts";
import { ChainWatch } from "./chain.ts";
import { type Requested, Traffic, type TrafficOptions } from "./traffic.ts";

export interface Expected {
  /** In the end only these clusters may serve clients of the client cluster. */
  readonly movesTo?: readonly string[];
  /** The latest first answer of those clusters, after the injection; `awayWithinMs` by default. */
  readonly movesWithinMs?: number;
  /** The lost time that clients may see; absent if it is measured and not judged. */
  readonly awayWithinMs?: number;
  /** After healing. */
  readonly backWithinMs: number;
  /** For clients of the other clusters, if the fault must not affect them. */
  readonly othersWithinMs?: number;
  /**
   * The share of requests that is lost just before the fault is removed, if clients cannot recover earlier, by what
   * Cilium documents: for clients of the client cluster, and of the others.
   */
  readonly lostAtEnd?: ShareRange;
  readonly othersLostAtEnd?: ShareRange;
  /** The most bursts of losses, if the fault itself has more parts than the budget allows. */
  readonly bursts?: number;
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
  /** The shortest time from the beginning of the fault to its healing. */
  readonly observeMs?: number;
  readonly stableMs: number;
  readonly rig: RigThresholds;
  /** Only a tuned lab runs the backends in real time; the probers, which are the instrument, always do. */
  readonly tuning: Tuning;
  /** Bounds of a single gap, as a share of the lost time, and of the number of bursts. */
  readonly gapShare: number;
  readonly lossBursts: number;
  readonly inject: () => Promise<InjectedFault>;
}

export type Figures = LossFigures & Pick<Measurement, "connections" | "prober">;

export interface Measured {
  readonly figures: Figures;
  readonly verdict: Verdict;
  /** When the fault began, on the harness's clock. */
  readonly faultUnixMs: number;
  /** Whether the processes were in real time, as this machine and the lab's tuning let them. */
  readonly realTime: SettingRecord["realTime"];
  /** Every request of every vantage point, to be judged again. */
  readonly losses: UnnamedLosses;
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
  const before = { withinMs: settleMs, quietMs: quietBeforeMs, sinceUnixMs: 0 };
  await using backends =
    options.tuning === "tuned" ? await FirstBackends.start(options.echo.backendPods, { signal }) : undefined;
  const realTime = {
    probers: traffic.probers.every((p) => p.realTime),
    backends: backends?.reached ?? false,
  };
  await settled(traffic, options.servedBy, before);
  const calm = { ...before, withinMs: calmBefore.withinMs, answeredWithinMs: calmBefore.p99Ms };
  if ((await lateFor(settled(traffic, options.servedBy, calm))) !== undefined)
    await settled(traffic, options.servedBy, before);
  await using _self = await prioritiseSelf();
  for (const stream of traffic.kept) await stream.settled({ withinMs: settleMs, quietMs: stableMs });
  await chain.timeSlices();

  await using fault = await options.inject();
  const faultUnixMs = fault.begunUnixMs;
  traffic.mark(options.scenario, faultUnixMs);
  const moved = (cluster: string) => (cluster === client.name ? options.expected.movesTo : undefined);
  const away = { withinMs: options.horizonMs, quietMs: quietBeforeMs, sinceUnixMs: faultUnixMs };
  await Promise.all([
    lateFor(settled(traffic, moved, away)),
    pause(Math.max(options.holdMs ?? 0, faultUnixMs + (options.observeMs ?? 0) - unixNowMs()), signal),
  ]);
  const healingUnixMs = unixNowMs();
  traffic.mark("healing begins", healingUnixMs);
  await fault.heal();
  const late = await lateFor(settled(traffic, options.servedBy, { ...before, sinceUnixMs: unixNowMs() }));
  await traffic.stop();

  const points: Point[] = [];
  for (const requested of traffic.requested)
    points.push(await pointOf(requested, options, { faultUnixMs, healingUnixMs }));
  const losses: UnnamedLosses = {
    method: methodVersion,
    scenario: options.scenario,
    affinity: options.affinity,
    struck: target.name,
    client: client.name,
    ...{ faultUnixMs, healingUnixMs, points },
    rig: {
      latenessP99Ms: options.rig.latenessP99Ms,
      stallMs: options.rig.stallMs,
      controlLossShare: options.rig.controlLossShare,
    },
    ...(late === undefined ? {} : { unreturned: [late] }),
    chain: chain.record(),
  };
  const { figures, verdict } = judgeLosses(losses);
  return {
    figures: {
      ...figures,
      connections: await keptConnections(traffic, faultUnixMs),
      prober: {
        ...figures.prober,
        allCpuShare: hundredths(traffic.probers.reduce((sum, p) => sum + p.cpuShare, 0)),
      },
    },
    ...{ verdict, faultUnixMs, losses, realTime },
  };
}

/** The end of a horizon is a figure, not an error: the histories show the outage. Returns what was waited for in vain. */
async function lateFor(waiting: Promise<void>): Promise<string | undefined> {
  try {
    await waiting;
    return undefined;
  } catch (error) {
    if (!missedDeadline(error)) throw error;
    return messageOf(error);
  }
}

/** Waits until every client is served without a loss: by the given clusters for its own cluster, or by any. */
async function settled(
  traffic: Traffic,
  servedBy: ((cluster: string) => readonly string[] | undefined) | undefined,
  stretch: {
    readonly withinMs: number;
    readonly quietMs: number;
    readonly sinceUnixMs: number;
    readonly answeredWithinMs?: number;
  },
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

/** The requests of one vantage point, and what is expected of it. */
async function pointOf(
  { stream, cluster }: Requested,
  options: MeasureOptions,
  { faultUnixMs, healingUnixMs }: { readonly faultUnixMs: number; readonly healingUnixMs: number },
): Promise<Point> {
  const history = await stream.history();
  const { samples, control, startedAt: _, marks: __, ...head } = history;
  const zeroMs = history.startedAtUnixMs;
  return {
    ...head,
    cluster,
    ...windowsOf({ samples, control }, { sinceMs: faultUnixMs - zeroMs, healedMs: healingUnixMs - zeroMs }),
    expected: expectedOf(options, cluster === options.client.name),
  };
}

/** Without a budget a window is measured and not judged. */
function expectedOf(options: MeasureOptions, isClient: boolean): Point["expected"] {
  const { expected, servedBy, target, client, gapShare } = options;
  const { movesTo, movesWithinMs, awayWithinMs, backWithinMs, othersWithinMs } = expected;
  const bursts = expected.bursts ?? options.lossBursts;
  const limits = (withinMs: number): LossLimits => ({
    lostTimeMs: withinMs,
    longestGapMs: gapShare * withinMs,
    bursts,
  });
  const withinMs = isClient ? awayWithinMs : othersWithinMs;
  const moves = isClient && movesTo !== undefined && withinMs !== undefined;
  return given({
    lostAtEnd: isClient ? expected.lostAtEnd : expected.othersLostAtEnd,
    away: withinMs === undefined ? undefined : limits(withinMs),
    move: moves
      ? {
          from: [...(servedBy?.(client.name) ?? [target.name])],
          to: [...movesTo],
          withinMs: movesWithinMs ?? withinMs,
        }
      : undefined,
    back: limits(backWithinMs),
  });
}

async function keptConnections(traffic: Traffic, faultUnixMs: number): Promise<Figures["connections"]> {
  const connections = [];
  for (const stream of traffic.kept) {
    const history = await stream.history();
    connections.push(connectionFigures(history, { sinceMs: faultUnixMs - history.startedAtUnixMs }));
  }
  return connections;
}
