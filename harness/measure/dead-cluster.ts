import type { InjectedFault } from "#harness/faults/fault.ts";
import { answersIn, errorOf, qualityOf } from "#harness/judge/timing.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { pause } from "#harness/lib/eventually.ts";
import { hundredths } from "#harness/lib/stats.ts";
import type { History } from "#harness/model/history.ts";
import type { Affinity } from "#harness/model/measurement.ts";
import type { Observation, ProberQuality } from "#harness/model/timing.ts";
import { byPods, described, type Flow, type Traffics } from "./node-traffic.ts";

export interface DeadClusterOptions {
  readonly traffic: Traffics;
  readonly dead: string;
  /** The pods that answer a client before, and those that may once the cluster is dead. */
  readonly pods: (flow: Flow) => { readonly before: readonly string[]; readonly after: readonly string[] };
  readonly affinityOf: (flow: Flow) => Affinity;
  /** `0s` or a duration; part of a row's name. */
  readonly cacheTtl: string;
  readonly kill: () => Promise<InjectedFault>;
  /** How long it is watched at most, and whether it ends when no request is lost any more. */
  readonly watchMs: number;
  readonly endsWhenServed: boolean;
  readonly settleMs: number;
  readonly rejoinMs: number;
  readonly quietMs: number;
}

export interface DeadCluster {
  readonly observations: readonly Observation[];
  readonly probers: readonly ProberQuality[];
  readonly histories: ReadonlyMap<Flow, History>;
  readonly unsettled: readonly string[];
  /** Vantage points that were not served as before after the cluster's return. */
  readonly notBack: readonly string[];
  /** If the cluster could not be started again: to be thrown once the figures are kept. */
  readonly healError: unknown;
  readonly startedUnixMs: number;
}

/** Kills a cluster under traffic, watches for how long clients of the others are sent to it, and lets it return. */
export async function measureDeadCluster(
  options: DeadClusterOptions,
  signal: AbortSignal,
): Promise<DeadCluster> {
  const { traffic, pods, watchMs, settleMs, rejoinMs, quietMs } = options;
  const startedUnixMs = unixNowMs();
  const as = (state: "before" | "after") => (flow: Flow) => byPods(pods(flow)[state]);
  const wait = { sinceUnixMs: startedUnixMs, quietMs, withinMs: settleMs };
  const unsettled = await traffic.goAs(traffic.flows, as("before"), wait);
  let notBack: readonly Flow[] = [];
  let healError: unknown;
  let death:
    | { readonly begunUnixMs: number; readonly doneUnixMs: number; readonly untilUnixMs: number }
    | undefined;
  if (unsettled.length === 0) {
    await using fault = await options.kill();
    const doneUnixMs = unixNowMs();
    traffic.mark("cluster dead", fault.begunUnixMs);
    if (options.endsWhenServed) {
      const after = { sinceUnixMs: doneUnixMs, quietMs, withinMs: watchMs };
      await traffic.goAs(traffic.flows, as("after"), after);
    } else await pause(watchMs, signal);
    death = { begunUnixMs: fault.begunUnixMs, doneUnixMs, untilUnixMs: unixNowMs() };
    healError = await fault.heal().then(
      () => undefined,
      (error: unknown) => error,
    );
    const back = { sinceUnixMs: unixNowMs(), quietMs, withinMs: rejoinMs };
    if (healError === undefined) notBack = await traffic.goAs(traffic.flows, as("before"), back);
  }
  await traffic.stop();
  const histories = await traffic.histories();
  return {
    observations:
      death === undefined
        ? []
        : [...histories].flatMap(([flow, h]) => observationsOf(flow, h, options, death)),
    probers: [...histories.values()].map((h) => qualityOf(h, startedUnixMs)),
    histories,
    unsettled: unsettled.map(described),
    notBack: notBack.map(described),
    healError,
    startedUnixMs,
  };
}

function observationsOf(
  flow: Flow,
  history: History,
  { dead, affinityOf, cacheTtl, quietMs }: DeadClusterOptions,
  death: { readonly begunUnixMs: number; readonly doneUnixMs: number; readonly untilUnixMs: number },
): Observation[] {
  const { begunUnixMs, doneUnixMs, untilUnixMs } = death;
  const answers = answersIn(history, { sinceUnixMs: begunUnixMs, untilUnixMs });
  const watchedMs = hundredths(untilUnixMs - begunUnixMs);
  // A loss close to the end shows that more would have followed.
  const isOpen = answers.lastLossMs !== undefined && answers.lastLossMs > watchedMs - quietMs;
  const row = `affinity ${affinityOf(flow)}, cacheTTL ${cacheTtl}`;
  const common = {
    ...{ watchedMs, of: dead, at: flow.at, round: 1, errorMs: errorOf(history) },
    evidence: {
      stoppedMs: hundredths(doneUnixMs - begunUnixMs),
      firstLossMs: answers.firstLossMs ?? null,
      sent: answers.sent,
      lost: answers.lost,
    },
  };
  return [
    {
      what: `${row}: last request that was sent to the dead cluster`,
      unit: "ms",
      value: isOpen ? null : (answers.lastLossMs ?? 0),
      ...common,
    },
    {
      what: `${row}: share of requests lost until then`,
      unit: "share",
      value: shareUntil(history, begunUnixMs, answers.lastLossMs),
      ...common,
    },
  ];
}

/** The share of requests lost up to the last loss; 0 without a loss. */
function shareUntil(history: History, sinceUnixMs: number, lastLossMs: number | undefined): number {
  if (lastLossMs === undefined) return 0;
  const { sent, lost } = answersIn(history, { sinceUnixMs, untilUnixMs: sinceUnixMs + lastLossMs });
  return sent === 0 ? 0 : hundredths(lost / sent);
}
