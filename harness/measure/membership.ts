import { membersOf, setMembers } from "#harness/cilium/install/mesh-values.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { clusterLeft } from "#harness/faults/catalogue/membership.ts";
import { injectFault } from "#harness/faults/inject.ts";
import {
  answersIn,
  errorOf,
  firstAnswer,
  lastAnswer,
  qualityOf,
  type UnixWindow,
} from "#harness/judge/timing.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { pause } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import { hundredths } from "#harness/lib/stats.ts";
import type { History } from "#harness/model/history.ts";
import type { Observation, ProberQuality } from "#harness/model/timing.ts";
import { byPods, described, type Flow, type Traffics } from "./node-traffic.ts";

export interface MembershipOptions {
  readonly mesh: Mesh;
  /** The cluster that leaves and joins. */
  readonly member: Cluster;
  /** The name of the service that only its pods serve; every other target is served by the other clusters. */
  readonly service: string;
  readonly pods: readonly string[];
  /** The pods that serve the other targets. */
  readonly podsOf: (flow: Flow) => readonly string[];
  readonly traffic: Traffics;
  readonly settleMs: number;
  readonly withinMs: number;
  readonly quietMs: number;
  /** How long the cluster stays away. */
  readonly holdMs: number;
  readonly signal: AbortSignal;
}

export interface Membership {
  readonly observations: readonly Observation[];
  readonly probers: readonly ProberQuality[];
  readonly histories: ReadonlyMap<Flow, History>;
  readonly unsettled: readonly string[];
  readonly startedUnixMs: number;
}

/** A change of every cluster's Helm values: when it began, when Helm returned for each cluster, and when it was seen. */
interface Move {
  readonly begunUnixMs: number;
  readonly changedUnixMs: ReadonlyMap<string, number>;
  readonly untilUnixMs: number;
}

/** A cluster leaves the mesh and joins it again, while clients of the others use its pods and one another's. */
export async function measureMembership(options: MembershipOptions): Promise<Membership> {
  const { traffic, service, podsOf, pods, settleMs, quietMs } = options;
  const startedUnixMs = unixNowMs();
  const own = traffic.to(service);
  const served = (flow: Flow) => byPods(own.includes(flow) ? pods : podsOf(flow));
  const wait = { sinceUnixMs: startedUnixMs, quietMs, withinMs: settleMs };
  const unsettled = await traffic.goAs(traffic.flows, served, wait);
  const moves = unsettled.length === 0 ? await leaveAndJoin(options, own) : undefined;
  await traffic.stop();
  const histories = await traffic.histories();
  return {
    observations:
      moves === undefined
        ? []
        : [...histories].flatMap(([flow, h]) => observationsOf(flow, h, options, moves)),
    probers: [...histories.values()].map((h) => qualityOf(h, startedUnixMs)),
    histories,
    unsettled: unsettled.map(described),
    startedUnixMs,
  };
}

interface Moves {
  readonly leave: Move;
  readonly join: Move;
}

async function leaveAndJoin(options: MembershipOptions, own: readonly Flow[]): Promise<Moves> {
  const { mesh, member, traffic, pods, withinMs, quietMs, holdMs, signal } = options;
  const before = new Map<Cluster, Awaited<ReturnType<typeof membersOf>>>();
  for (const c of mesh.clusters) before.set(c, await membersOf(mesh, c, signal));
  const left = new Map<string, number>();
  const leaveUnixMs = unixNowMs();
  traffic.mark("cluster begins to leave", leaveUnixMs);
  await using fault = await injectFault(
    clusterLeft(member, (cluster, atUnixMs) => void left.set(cluster, atUnixMs)),
    { mesh, signal },
  );
  const goAs = (answeredBy: readonly string[]): Promise<readonly Flow[]> =>
    traffic.goAs(own, () => byPods(answeredBy), { sinceUnixMs: unixNowMs(), quietMs, withinMs });
  await goAs([]);
  const leave = { begunUnixMs: leaveUnixMs, changedUnixMs: left, untilUnixMs: unixNowMs() };
  await pause(holdMs, signal);
  const joined = new Map<string, number>();
  const joinUnixMs = unixNowMs();
  traffic.mark("cluster begins to join", joinUnixMs);
  await Promise.all(
    mesh.clusters.map(async (c) => {
      await setMembers(mesh, c, found(before.get(c), `peers of ${c.name}`), signal);
      joined.set(c.name, unixNowMs());
    }),
  );
  await goAs(pods);
  const join = { begunUnixMs: joinUnixMs, changedUnixMs: joined, untilUnixMs: unixNowMs() };
  // Only waits: the values are those of before already.
  await fault.heal();
  return { leave, join };
}

function observationsOf(
  flow: Flow,
  history: History,
  { member, service, pods, quietMs }: MembershipOptions,
  { leave, join }: Moves,
): Observation[] {
  const windowOf = ({ changedUnixMs, untilUnixMs }: Move): UnixWindow => ({
    sinceUnixMs: found(changedUnixMs.get(flow.cluster), `change of ${flow.cluster}`),
    untilUnixMs,
  });
  const keep = (
    move: Move,
    what: string,
    unit: Observation["unit"],
    value: number | undefined,
  ): Observation => {
    const { sinceUnixMs, untilUnixMs } = windowOf(move);
    return {
      ...{ what, unit, value: value ?? null, of: member.name, at: flow.at, round: 1 },
      watchedMs: hundredths(untilUnixMs - sinceUnixMs),
      errorMs: errorOf(history),
      evidence: {
        begunMs: hundredths(move.begunUnixMs - sinceUnixMs),
        allChangedMs: hundredths(Math.max(...move.changedUnixMs.values()) - sinceUnixMs),
      },
    };
  };
  const set = new Set(pods);
  if (flow.target.name === service)
    return [
      keep(
        leave,
        "the cluster leaves: last answer of its backends",
        "ms",
        lastAnswer(history, set, windowOf(leave), quietMs / 2),
      ),
      keep(
        join,
        "the cluster joins: first answer of its backends",
        "ms",
        firstAfter(history, set, join, windowOf(join)),
      ),
    ];
  const lostIn = (sinceUnixMs: number, untilUnixMs: number): number =>
    answersIn(history, { sinceUnixMs, untilUnixMs }).lost;
  const away = lostIn(leave.begunUnixMs, join.begunUnixMs);
  return [
    keep(leave, "the cluster leaves: requests lost between the others", "requests", away),
    keep(
      join,
      "the cluster joins: requests lost between the others",
      "requests",
      lostIn(join.begunUnixMs, join.untilUnixMs),
    ),
  ];
}

/** Negative if the first answer came before Helm returned. */
function firstAfter(
  history: History,
  pods: ReadonlySet<string>,
  { begunUnixMs }: Move,
  { sinceUnixMs, untilUnixMs }: UnixWindow,
): number | undefined {
  const first = firstAnswer(history, pods, { sinceUnixMs: begunUnixMs, untilUnixMs });
  return first === undefined ? undefined : hundredths(begunUnixMs + first - sinceUnixMs);
}
