import type { Cluster } from "#harness/cluster/cluster.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { rollout } from "#harness/faults/catalogue/disruption.ts";
import { scaleToZeroFault } from "#harness/faults/catalogue/scale.ts";
import type { Fault } from "#harness/faults/fault.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { Application } from "#harness/model/application.ts";
import type { Budgets } from "#harness/model/budgets.ts";
import { type Affinity, recoveryMs } from "#harness/model/measurement.ts";
import { servingClusters } from "#harness/workloads/affinity.ts";
import { servesOnMs } from "#harness/workloads/echo.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import { type Expected, type Measured, measure } from "./measure.ts";

/** The lab and the settings of a scenario. */
export interface ScenarioContext {
  readonly mesh: Mesh;
  readonly budgets: Budgets;
  readonly echo: EchoBackends;
  /** A client outside the clusters; defined if their nodes are containers of this machine. */
  readonly outside: string | undefined;
  /** Multiplies the probe interval of `budgets`. */
  readonly probeIntervalFactor: number;
  readonly signal: AbortSignal;
}

export interface Roles extends ScenarioContext {
  /** The target cluster, and the other one. */
  readonly target: Cluster;
  readonly other: Cluster;
  readonly client: Cluster;
}

/** A disturbance as data: the fault, its duration, and what clients may see of it. */
export interface Scenario {
  /** Its name in the table of figures. */
  readonly name: string;
  readonly affinity: Affinity;
  /** How the backends end; by default they exit at once. */
  readonly application?: Application;
  /** `both`: each cluster is the target in every repetition; `alternating`: one after the other. */
  readonly directions: "both" | "alternating";
  /** The cluster whose clients are measured: by default one that prefers the target cluster, or the target itself. */
  readonly client?: "target" | "other";
  /** Nodes that the fault takes down. */
  readonly lostNodes?: (target: Cluster) => Promise<readonly string[]>;
  /** Prepares a state for the scenario; undone at the end. */
  readonly prepare?: (roles: Roles) => Promise<AsyncDisposable>;
  readonly inject: (roles: Roles) => Promise<Fault>;
  /** The budget for the longest time to hold the fault, if traffic does not become stable. */
  readonly horizon: keyof Budgets;
  /** The budget for the shortest time to hold it, for scenarios in which losses may come late. */
  readonly hold?: keyof Budgets;
  readonly expected: (roles: Roles) => Expected;
}

export const serviceOf = (affinity: Affinity): string => `echo-${affinity}`;

export const applicationOf = ({ application = "exits" }: Scenario): Application => application;

/** Backends that serve on after their deletion must end while the fault is in force, and what follows must be seen. */
function untilEndedMs(scenario: Scenario): number {
  const servesMs = servesOnMs(applicationOf(scenario));
  return servesMs === 0 ? 0 : servesMs + recoveryMs;
}

/** The node that a scenario takes down. Throws `usage` if the cluster has no worker. */
export async function lastWorkerOf(cluster: Cluster): Promise<string> {
  const worker = (await cluster.nodes()).findLast((n) => n.role === "worker");
  if (worker === undefined)
    throw new MeshproofError("usage", `cluster ${cluster.name} has no worker node to take down`, {
      remedy: "use a lab with at least one worker in each cluster",
    });
  return worker.name;
}

/** The clusters that serve the measured clients once the target cluster has no serving backend. */
export const survivors = (affinity: Affinity, { mesh, target, client }: Roles): readonly string[] =>
  servingClusters(
    affinity,
    client,
    mesh.clusters.filter((c) => c !== target),
  ).map((c) => c.name);

/**
 * Limit of the lost time in a failover. Beside a certification's traffic on the same machine, at least that of any gap in
 * it.
 */
const failoverWithinMs = ({ budgets, probeIntervalFactor }: ScenarioContext): number =>
  probeIntervalFactor > 1 ? Math.max(budgets.failoverMs, budgets.upgradeGapMs) : budgets.failoverMs;

/** Scales every backend of one cluster to zero, the usual meaning of failover. */
export const scaleToZero = (affinity: Affinity, application: Application = "exits"): Scenario => ({
  name: "scale to zero",
  affinity,
  application,
  directions: "both",
  horizon: "settleMs",
  inject: async ({ target, echo }) => scaleToZeroFault(target.kube, echo.deploymentOf(target)),
  expected: (roles) => ({
    movesTo: survivors(affinity, roles),
    awayWithinMs: failoverWithinMs(roles),
    backWithinMs: roles.budgets.failbackMs,
    othersWithinMs: failoverWithinMs(roles),
  }),
});

/** Replaces the backends of one cluster, one after another. Losses are judged where `expected` limits them. */
export const rollingRestart = (
  affinity: Affinity,
  application: Application,
  expected: Scenario["expected"],
): Scenario => ({
  name: "rolling restart",
  affinity,
  application,
  directions: "both",
  horizon: "settleMs",
  inject: async ({ target, echo }) => rollout(target, echo.deploymentOf(target)),
  expected,
});

/** One measurement of a scenario. `historyFile` returns the history file for a title. */
export async function measureScenario(
  context: ScenarioContext,
  scenario: Scenario,
  { target, other }: { readonly target: Cluster; readonly other: Cluster },
  historyFile: (title: string) => string,
): Promise<Measured> {
  const { mesh, budgets, echo, outside, signal, probeIntervalFactor } = context;
  const { affinity } = scenario;
  const client =
    (scenario.client ?? (affinity === "remote" ? "other" : "target")) === "target" ? target : other;
  const roles: Roles = { ...context, target, other, client };
  const fault = await scenario.inject(roles);
  const servedBy =
    affinity === "none"
      ? undefined
      : (cluster: string) =>
          servingClusters(affinity, mesh.cluster(cluster), mesh.clusters).map((c) => c.name);
  await using _state = await scenario.prepare?.(roles);
  // Awaited here, because the prepared state is undone when this function returns.
  return await measure({
    scenario: scenario.name,
    affinity,
    target,
    client,
    clusters: mesh.clusters,
    echo,
    service: serviceOf(affinity),
    ...(outside === undefined ? {} : { outside }),
    lostNodes: (await scenario.lostNodes?.(target)) ?? [],
    ...(servedBy === undefined ? {} : { servedBy }),
    expected: scenario.expected(roles),
    horizonMs: budgets[scenario.horizon],
    holdMs: scenario.hold === undefined ? 0 : budgets[scenario.hold],
    observeMs: untilEndedMs(scenario),
    stableMs: budgets.stableMs,
    gapShare: budgets.gapShare,
    lossBursts: budgets.lossBursts,
    settleMs: budgets.settleMs,
    mainEveryMs: budgets.probeEveryMs * probeIntervalFactor,
    otherEveryMs: budgets.probeOthersEveryMs * probeIntervalFactor,
    timeoutMs: budgets.probeTimeoutMs,
    rig: mesh.state.plan.rig,
    tuning: mesh.state.plan.tuning,
    historyFile,
    inject: () => injectFault(fault, { mesh, namespace: echo.namespace, signal }),
    signal,
  });
}
