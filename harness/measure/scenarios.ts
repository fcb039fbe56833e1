import type { Cluster } from "#harness/cluster/cluster.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { scaleToZeroFault } from "#harness/faults/catalogue/scale.ts";
import type { Fault } from "#harness/faults/fault.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { Budgets } from "#harness/model/budgets.ts";
import type { Affinity } from "#harness/model/measurement.ts";
import { servingClusters } from "#harness/workloads/affinity.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import { type Expected, type Measured, measure } from "./measure.ts";

/** What a scenario is played on. */
export interface ScenarioContext {
  readonly mesh: Mesh;
  readonly budgets: Budgets;
  readonly echo: EchoBackends;
  /** A client beside the clusters: there is one where their nodes are containers of this machine. */
  readonly outside: string | undefined;
  /** How many times less often probers ask than `budgets` says. */
  readonly probeIntervalFactor: number;
  readonly signal: AbortSignal;
}

export interface Roles extends ScenarioContext {
  /** The cluster that is target, and the other one. */
  readonly target: Cluster;
  readonly other: Cluster;
  readonly client: Cluster;
}

/** A disturbance, as data: what is done, for how long, and what clients may see of it. */
export interface Scenario {
  /** As a reader of the table of figures knows it. */
  readonly name: string;
  readonly affinity: Affinity;
  /** `both`: each cluster is target in every repetition; `alternating`: one after the other. */
  readonly directions: "both" | "alternating";
  /** Whose clients the figures are of: by default those that prefer the target cluster, or its own. */
  readonly client?: "target" | "other";
  /** Nodes that go away with the fault. */
  readonly lostNodes?: (target: Cluster) => Promise<readonly string[]>;
  /** A state that the scenario begins from, undone at the end. */
  readonly prepare?: (roles: Roles) => Promise<AsyncDisposable>;
  readonly inject: (roles: Roles) => Promise<Fault>;
  /** The budget that says how long the fault is held where traffic does not become stable. */
  readonly horizon: keyof Budgets;
  /** That which says how long it is held at least: where "nothing was lost" is an answer only after a while. */
  readonly hold?: keyof Budgets;
  readonly expected: (roles: Roles) => Expected;
}

export const serviceOf = (affinity: Affinity): string => `echo-${affinity}`;

/** The node that a scenario takes from a cluster. Throws `usage` where there is no worker. */
export async function lastWorkerOf(cluster: Cluster): Promise<string> {
  const worker = (await cluster.nodes()).findLast((n) => n.role === "worker");
  if (worker === undefined)
    throw new MeshproofError("usage", `cluster ${cluster.name} has no worker node to take away`, {
      remedy: "use a lab with at least one worker in each cluster",
    });
  return worker.name;
}

/** Who serves the clients that are measured once the target cluster has no backend that serves. */
export const survivors = (affinity: Affinity, { mesh, target, client }: Roles): readonly string[] =>
  servingClusters(
    affinity,
    client,
    mesh.clusters.filter((c) => c !== target),
  ).map((c) => c.name);

/** Of a failover. Beside a certification's traffic, with which it shares the machine, that of any gap in it. */
const failoverWithinMs = ({ budgets, probeIntervalFactor }: ScenarioContext): number =>
  probeIntervalFactor > 1 ? Math.max(budgets.failoverMs, budgets.upgradeGapMs) : budgets.failoverMs;

/** Every backend of one cluster goes: what most people mean by failover. */
export const scaleToZero = (affinity: Affinity): Scenario => ({
  name: "scale to zero",
  affinity,
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

/** One measurement of a scenario. `historyFile` answers where the history of a title goes. */
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
  // Awaited here: what was prepared is undone when this function ends.
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
    stableMs: budgets.stableMs,
    settleMs: budgets.settleMs,
    mainEveryMs: budgets.probeEveryMs * probeIntervalFactor,
    otherEveryMs: budgets.probeOthersEveryMs * probeIntervalFactor,
    timeoutMs: budgets.probeTimeoutMs,
    rig: mesh.state.plan.rig,
    historyFile,
    inject: () => injectFault(fault, { mesh, namespace: echo.namespace, signal }),
    signal,
  });
}
