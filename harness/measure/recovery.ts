import type { Cluster } from "#harness/cluster/cluster.ts";
import { scaleToZeroFault } from "#harness/faults/catalogue/scale.ts";
import type { InjectOptions } from "#harness/faults/fault.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { answersIn, errorOf, firstAnswer, qualityOf } from "#harness/judge/timing.ts";
import { kinds } from "#harness/kube/kube.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { pause } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import { hundredths } from "#harness/lib/stats.ts";
import type { History } from "#harness/model/history.ts";
import type { Observation, ProberQuality } from "#harness/model/timing.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import { byPods, described, type Flow, type Traffics } from "./node-traffic.ts";

export interface RecoveryOptions {
  readonly cluster: Cluster;
  readonly others: readonly Cluster[];
  readonly echo: EchoBackends;
  readonly traffic: Traffics;
  readonly inject: InjectOptions;
  /** How long each state is held: two replicas, none, one. */
  readonly holdMs: number;
  readonly settleMs: number;
  readonly quietMs: number;
  readonly signal: AbortSignal;
}

export interface Recovery {
  readonly observations: readonly Observation[];
  readonly probers: readonly ProberQuality[];
  readonly histories: ReadonlyMap<Flow, History>;
  /** Why nothing was timed, for each vantage point that did not reach a state. */
  readonly unsettled: readonly string[];
  readonly startedUnixMs: number;
}

interface Moments {
  readonly beforeUnixMs: number;
  readonly zeroUnixMs: number;
  readonly awayUnixMs: number;
  readonly oneUnixMs: number;
  readonly oneReadyUnixMs: number;
  readonly twoUnixMs: number;
  readonly endUnixMs: number;
  readonly first: string;
  readonly second: string;
}

type Reached = Moments | { readonly unsettled: readonly string[] };

/**
 * Both local replicas of a service with affinity local end, so the other clusters serve. Then the first returns, and
 * later the second: what the first receives meanwhile.
 */
export async function measureRecovery(options: RecoveryOptions): Promise<Recovery> {
  const { cluster, others, echo, traffic } = options;
  const startedUnixMs = unixNowMs();
  const remote = await echo.allPods(others, options);
  const reached = await returnOneByOne(options, remote, startedUnixMs);
  await traffic.stop();
  const histories = await traffic.histories();
  const timed = "unsettled" in reached ? undefined : reached;
  return {
    observations:
      timed === undefined
        ? []
        : [...histories].flatMap(([flow, h]) => observationsOf(flow, h, timed, { cluster, remote })),
    probers: [...histories.values()].map((h) => qualityOf(h, startedUnixMs)),
    histories,
    unsettled: "unsettled" in reached ? reached.unsettled : [],
    startedUnixMs,
  };
}

/** The vantage points that are not served by these pods in time. */
async function notServed(
  { traffic, quietMs, settleMs }: RecoveryOptions,
  pods: readonly string[],
  sinceUnixMs: number,
): Promise<readonly string[]> {
  const wait = { sinceUnixMs, quietMs, withinMs: settleMs };
  const open = await traffic.goAs(traffic.flows, () => byPods(pods), wait);
  return open.map((f) => `${described(f)}, by ${pods.join(" and ")}`);
}

async function returnOneByOne(
  options: RecoveryOptions,
  remote: readonly string[],
  startedUnixMs: number,
): Promise<Reached> {
  const { cluster, echo, inject, holdMs, signal } = options;
  const atFirst = await notServed(options, await echo.allPods([cluster], options), startedUnixMs);
  if (atFirst.length > 0) return { unsettled: atFirst };
  const beforeUnixMs = unixNowMs();
  await pause(holdMs, signal);
  await using gone = await injectFault(scaleToZeroFault(cluster.kube, echo.deploymentOf(cluster)), inject);
  const zeroUnixMs = unixNowMs();
  const withNone = await notServed(options, remote, zeroUnixMs);
  if (withNone.length > 0) return { unsettled: withNone };
  const awayUnixMs = unixNowMs();
  await pause(holdMs, signal);
  const one = await scaled(options, 1);
  const withOne = await notServed(options, one.pods, one.readyUnixMs);
  if (withOne.length > 0) return { unsettled: withOne };
  await pause(holdMs, signal);
  const two = await scaled(options, 2);
  const withTwo = await notServed(options, two.pods, two.readyUnixMs);
  if (withTwo.length > 0) return { unsettled: withTwo };
  const endUnixMs = unixNowMs();
  await gone.heal();
  const first = found(one.pods[0], `first replica in ${cluster.name}`);
  const second = found(
    two.pods.find((p) => p !== first),
    `second replica in ${cluster.name}`,
  );
  return {
    ...{ beforeUnixMs, zeroUnixMs, awayUnixMs, endUnixMs, first, second },
    ...{ oneUnixMs: one.writtenUnixMs, oneReadyUnixMs: one.readyUnixMs, twoUnixMs: two.writtenUnixMs },
  };
}

async function scaled({ cluster, echo, settleMs, signal }: RecoveryOptions, replicas: number) {
  const { kube } = cluster;
  await kube.merge(kinds.deployment, echo.namespace, echo.deploymentOf(cluster), { spec: { replicas } });
  const writtenUnixMs = unixNowMs();
  await echo.awaitReady(cluster, settleMs, signal);
  return { writtenUnixMs, readyUnixMs: unixNowMs(), pods: await echo.pods(cluster) };
}

function observationsOf(
  flow: Flow,
  history: History,
  m: Moments,
  { cluster, remote }: { readonly cluster: Cluster; readonly remote: readonly string[] },
): Observation[] {
  const during = { sinceUnixMs: m.oneUnixMs, untilUnixMs: m.endUnixMs };
  const firstMs = firstAnswer(history, new Set([m.first]), during);
  const secondMs = firstAnswer(history, new Set([m.second]), during);
  const aloneFromUnixMs = m.oneUnixMs + (firstMs ?? 0);
  const alone = answersIn(history, {
    sinceUnixMs: aloneFromUnixMs,
    untilUnixMs: secondMs === undefined ? m.twoUnixMs : m.oneUnixMs + secondMs,
  });
  const both = answersIn(history, { sinceUnixMs: m.beforeUnixMs, untilUnixMs: m.zeroUnixMs });
  const away = answersIn(history, { sinceUnixMs: m.awayUnixMs, untilUnixMs: m.oneUnixMs });
  const lost = answersIn(history, during).lost;
  const answered = alone.sent - alone.lost;
  const remoteAnswers = remote.reduce((sum, pod) => sum + (alone.byPod[pod] ?? 0), 0);
  const ofReady = hundredths(m.oneReadyUnixMs - m.oneUnixMs);
  const evidence = {
    ...{ requests: alone.sent, answersOfOtherClusters: remoteAnswers, firstReadyMs: ofReady },
    ...{ p50WithTwoMs: both.latencyP50Ms ?? null, p99WithTwoMs: both.latencyP99Ms ?? null },
    ...{ p50OfOtherClustersMs: away.latencyP50Ms ?? null, p99OfOtherClustersMs: away.latencyP99Ms ?? null },
  };
  const keep = (what: string, unit: Observation["unit"], value: number | undefined): Observation => ({
    ...{ what, unit, value: value ?? null, of: cluster.name, at: flow.at, round: 1, evidence },
    watchedMs: hundredths(m.endUnixMs - m.oneUnixMs),
    errorMs: errorOf(history),
  });
  return [
    keep(
      "from the first replica's Ready to its first answer",
      "ms",
      firstMs === undefined ? undefined : hundredths(firstMs - ofReady),
    ),
    keep(
      "share of the load of the first replica until the second answers",
      "share",
      answered === 0 ? undefined : hundredths((alone.byPod[m.first] ?? 0) / answered),
    ),
    keep("latency p50 of the first replica alone", "ms", alone.latencyP50Ms),
    keep("latency p99 of the first replica alone", "ms", alone.latencyP99Ms),
    keep("largest latency of the first replica alone", "ms", alone.latencyMaxMs),
    keep("requests lost while the replicas return", "requests", lost),
  ];
}
