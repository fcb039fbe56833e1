import { join } from "node:path";
import { type Cluster, requireKind } from "#harness/cluster/cluster.ts";
import { networksOf } from "#harness/cluster/kind/networks.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { type EventuallyOptions, eventually, notYet, ready } from "#harness/lib/eventually.ts";
import type { Progress } from "#harness/lib/progress.ts";
import { LeakWatch } from "#harness/measure/leaks.ts";
import { MeshEvents } from "#harness/measure/mesh-events.ts";
import { startOutsideServer } from "#harness/measure/outside-server.ts";
import { planTraffic } from "#harness/measure/plan-traffic.ts";
import { StandingTraffic } from "#harness/measure/standing-traffic.ts";
import { startOutsideClient } from "#harness/platform/containers.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import { FirstBackends } from "#harness/workloads/first-backends.ts";
import { policyDefaultKey, selectsOwnCluster } from "#harness/workloads/standing-policies.ts";
import { deployStanding, protect, standingServerPods } from "#harness/workloads/standing-workload.ts";

/** Pods of one cluster that cannot be compared with the state before. */
export interface Disturbed {
  readonly cluster: string;
  readonly pods: readonly string[];
}

/** Everything that measures the mesh during a certification. */
export interface Standing extends AsyncDisposable {
  readonly traffic: StandingTraffic;
  readonly leaks: LeakWatch;
  readonly events: MeshEvents;
  /** The backends of the traffic, for disturbances. */
  readonly echo: EchoBackends;
  /** Pods that disturbances replaced, since the traffic began. */
  readonly disturbed: Disturbed[];
  /** By cluster: whether a policy without a cluster label selected its own pods only, when the cycle began. */
  readonly selectsOwnCluster: Readonly<Record<string, boolean>>;
}

/** A title as a file or folder name. */
export const folderName = (title: string): string => title.replace(/[^a-z0-9]+/gi, "-").replace(/^-|-$/g, "");

/** The captures' file of leaked packets in a run's folder. */
export const leaksFile = (dir: string): string => join(dir, "leaks.ndjson");

/** Nothing is measured yet: a slow machine starts all pods of the traffic at once. */
const startMs = 300_000;

export interface StandingOptions {
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Receives the time from which no denied client may get through. */
  readonly onProtected: (unixMs: number) => Promise<void>;
  /** Of a resumed cycle, what its journal says; undefined for a new one. */
  readonly selectsOwnCluster: Readonly<Record<string, boolean>> | undefined;
}

/**
 * Starts the continuous traffic. Before the policy is applied, the captures must see every denied client: a capture
 * that is blind would certify anything.
 */
export async function startStanding(
  mesh: Mesh,
  dir: string,
  { progress, signal, onProtected, selectsOwnCluster: meaning }: StandingOptions,
): Promise<Standing> {
  await using open = new AsyncDisposableStack();
  const begunMs = Math.round(unixNowMs());
  const { plan, artifacts, lab } = mesh.state;
  const clusters = mesh.clusters.map((c) => requireKind(c, "a certification"));
  const waiting = { withinMs: startMs, everyMs: 200, signal };
  const networks = networksOf(plan);
  const server = open.use(
    await startOutsideServer(lab, networks, { image: artifacts.proberImage, clusters: clusters.length }),
  );
  const workload = await progress.step("deploy the workloads of the continuous traffic", () =>
    deployStanding({
      clusters,
      agnhostImage: artifacts.agnhostImage,
      proberImage: artifacts.proberImage,
      outside: server.addressFor,
      selectsOwnCluster: meaning,
      ...waiting,
    }),
  );
  const outside = open.use(await startOutsideClient(lab, networks, artifacts.proberImage));
  const planned = await planTraffic(workload, { settleMs: startMs, signal });
  const leaks = open.use(await LeakWatch.start(workload.clusters, planned.denied, signal));
  const events = open.use(new MeshEvents(clusters));
  const traffic = open.use(
    await progress.step("start the traffic", () =>
      StandingTraffic.start({
        workload,
        planned,
        outside: outside.id,
        settleMs: plan.budgets.settleMs,
        rig: plan.rig,
        nodeOf: events.nodeOf,
        // Each part of an interrupted certification has its own file.
        historyFile: (title) => join(dir, "histories", `${begunMs}-${folderName(title)}.ndjson`),
        signal,
      }),
    ),
  );
  // Every backend, because the protected servers waited for restarting agents and lost traffic that policy allows.
  if (plan.tuning === "tuned") open.use(await FirstBackends.start(standingServerPods(workload), { signal }));
  const sinceMs = unixNowMs();
  await eventually(
    async () => {
      const unseen = leaks.unseen(sinceMs);
      return unseen.length === 0
        ? ready(undefined)
        : notYet(`${unseen.length} not seen: ${unseen.slice(0, 5).join(", ")}`);
    },
    {
      what: "the captures to see every denied flow reach its server while no policy applies",
      ...waiting,
    },
  );
  await protect(workload);
  await allBlocked(traffic, leaks, waiting);
  const protectedUnixMs = unixNowMs();
  leaks.keepIn(leaksFile(dir));
  await onProtected(protectedUnixMs);
  if (meaning !== undefined) await noteMeaning(clusters, meaning, events);
  // Of a resumed cycle, an earlier move may have closed paths for good.
  await traffic.settled({ first: meaning === undefined });
  const resources = open.move();
  return {
    traffic,
    leaks,
    events,
    echo: workload.echo,
    disturbed: [],
    selectsOwnCluster: Object.fromEntries(
      workload.clusters.map((c) => [c.cluster.name, c.selectsOwnCluster]),
    ),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** Waits until the policies block every denied flow. */
const allBlocked = (
  traffic: StandingTraffic,
  leaks: LeakWatch,
  waiting: Pick<EventuallyOptions, "withinMs" | "signal">,
): Promise<undefined> =>
  eventually(
    async () => {
      const answered = traffic.answeredDenied(unixNowMs() - 3000);
      const leaking = [...leaks.seen(unixNowMs() - 3000)];
      return answered.length + leaking.length === 0
        ? ready(undefined)
        : notYet(`still let through: ${[...answered, ...leaking].join(", ")}`);
    },
    { what: "the policies to block every denied flow", ...waiting, everyMs: 500 },
  );

/** The event of a change that an earlier command saw: what it opens or closes is still caused by it. */
async function noteMeaning(
  clusters: readonly Cluster[],
  atFirst: Readonly<Record<string, boolean>>,
  events: MeshEvents,
): Promise<void> {
  for (const cluster of clusters) {
    const now = await selectsOwnCluster(cluster);
    if (now !== atFirst[cluster.name])
      events.note(`${policyDefaultKey} of ${cluster.name} is ${now}, unlike when the cycle began`, {
        cluster: cluster.name,
        kind: "policy meaning",
      });
  }
}
