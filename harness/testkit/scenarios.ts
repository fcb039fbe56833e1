import { availableParallelism, release, totalmem } from "node:os";
import type { TestContext } from "vitest";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { scaleToZeroFault } from "#harness/faults/catalogue/scale.ts";
import type { Fault } from "#harness/faults/fault.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { comparable, judgeByBaseline } from "#harness/judge/baseline.ts";
import { wallLabel } from "#harness/lib/clock.ts";
import {
  type Expected,
  type Figures,
  type Measured,
  measure,
  methodVersion,
} from "#harness/measure/measure.ts";
import { readSeries } from "#harness/measure/series.ts";
import type { Affinity, Setting } from "#harness/model/measurement.ts";
import { combine, type Verdict } from "#harness/model/verdict.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { servingClusters } from "#harness/workloads/affinity.ts";
import type { EchoVariant } from "#harness/workloads/echo.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import {
  budgets,
  deployEcho,
  expect,
  historyFile,
  keepFacts,
  keepMeasurement,
  mesh,
  pairs,
  proberImage,
  rig,
  setUp,
  test,
} from "./fixtures.ts";
import { baselineOfRun, repeatsOfRun, runIdOfRun, seriesOfRun, sparingOfRun } from "./run-environment.ts";

export interface Roles {
  /** The cluster that is struck, and the other one. */
  readonly struck: Cluster;
  readonly other: Cluster;
  readonly client: Cluster;
  readonly echo: EchoBackends;
  readonly signal: AbortSignal;
}

export interface Scenario {
  /** As a reader of the table of figures knows it. */
  readonly name: string;
  readonly affinity: Affinity;
  /** `both`: each cluster is struck in every repetition; `alternating`: one after the other. */
  readonly directions: "both" | "alternating";
  /** Whose clients the figures are of: by default those that prefer the struck cluster, or its own. */
  readonly client?: "struck" | "other";
  /** Nodes that go away with the fault. */
  readonly lostNodes?: (struck: Cluster) => Promise<readonly string[]>;
  /** A state that the scenario begins from, undone at the end. */
  readonly prepare?: (roles: Roles) => Promise<AsyncDisposable>;
  readonly strike: (roles: Roles) => Promise<Fault>;
  /** How long the fault is held where traffic does not become stable. */
  readonly horizonMs: number;
  /** How long it is held at least: where "nothing was lost" is an answer only after a while. */
  readonly holdMs?: number;
  readonly expected: (roles: Roles) => Expected;
}

/** Who serves the clients that are measured once the struck cluster has no backend that serves. */
export const survivors = (affinity: Affinity, { struck, client }: Roles): readonly string[] =>
  servingClusters(
    affinity,
    client,
    mesh.clusters.filter((c) => c !== struck),
  ).map((c) => c.name);

/** Of a failover. Beside a certification's traffic, with which it shares the machine, that of any gap in it. */
const awayWithinMs =
  sparingOfRun() > 1 ? Math.max(budgets.failoverMs, budgets.upgradeGapMs) : budgets.failoverMs;

/** Every backend of one cluster goes: what most people mean by failover. */
export const scaleToZero = (affinity: Affinity): Scenario => ({
  name: "scale to zero",
  affinity,
  directions: "both",
  horizonMs: budgets.settleMs,
  strike: async ({ struck, echo }) => scaleToZeroFault(struck.kube, echo.deploymentOf(struck)),
  expected: (roles) => ({
    movesTo: survivors(affinity, roles),
    awayWithinMs,
    backWithinMs: budgets.failbackMs,
    othersWithinMs: awayWithinMs,
  }),
});

/** A suite's set-up for scenarios: echo backends that also answer heartbeats, and a service for each affinity. */
export function setUpScenarios(
  suite: string,
  affinities: readonly Affinity[],
  { replicas = 2, ...variant }: EchoVariant & { readonly replicas?: number } = {},
): () => ScenarioSite {
  return setUp(suite, async (context) => {
    const { signal, outside } = context;
    const balanced = mesh.clusters.every((c) => c.capabilities.assignsLoadBalancerIPs);
    const echo = await deployEcho(context, {
      replicas,
      variant: { ...variant, heartbeatImage: proberImage },
    });
    for (const affinity of affinities) {
      await echo.serve(
        serviceOf(affinity),
        {
          [annotation.global]: "true",
          ...(affinity === "none" ? {} : { [annotation.affinity]: affinity }),
        },
        balanced ? "LoadBalancer" : "NodePort",
      );
      for (const cluster of balanced ? mesh.clusters : [])
        await echo.loadBalancerIp(cluster, serviceOf(affinity), budgets.settleMs, signal);
    }
    return {
      echo,
      ...(mesh.clusters.every((c) => c.capabilities.nodesAreLocal) ? { outside: await outside() } : {}),
    };
  });
}

/** What a scenario is played on. */
export interface ScenarioSite {
  readonly echo: EchoBackends;
  /** A client beside the clusters: there is one where their nodes are containers of this machine. */
  readonly outside?: string;
}

/** The longest: a node's loss is believed after a minute, and its return takes as long. */
const scenarioMs = 600_000;

export const serviceOf = (affinity: Affinity): string => `echo-${affinity}`;

/** What figures of this lab depend on. */
function settingOf(): Setting {
  const versions = (of: (c: Cluster) => string): string => [...new Set(mesh.clusters.map(of))].join(" and ");
  return {
    cilium: versions((c) => c.ciliumVersion),
    kubernetes: versions((c) => c.kubernetesVersion),
    kernel: release(),
    machine: `${availableParallelism()} cores, ${Math.round(totalmem() / 1024 ** 3)} GiB`,
    imageSource: mesh.state.artifacts.source,
  };
}

/** Registers a scenario's tests: each repetition and direction is one. What the run's series holds already is skipped. */
export function scenarioTests(suite: () => ScenarioSite, scenario: Scenario): void {
  const series = seriesOfRun();
  const recorded = series === undefined ? [] : readSeries(series);
  const setting = settingOf();
  const repeats = repeatsOfRun();
  for (let repeat = 1; repeat <= repeats; repeat++) {
    const chosen = scenario.directions === "both" ? pairs : [pairs[(repeat - 1) % pairs.length]!];
    for (const [struck, other] of chosen) {
      const wanted = {
        method: methodVersion,
        scenario: scenario.name,
        affinity: scenario.affinity,
        struck: struck.name,
        setting,
      };
      const have = recorded.filter((m) => m.outcome !== "unknown" && comparable(m, wanted)).length;
      const mine = scenario.directions === "both" ? repeat : Math.ceil(repeat / pairs.length);
      const name = `${struck.name} -> ${other.name} > ${scenario.name}, affinity ${scenario.affinity}, and back${repeats > 1 ? ` (${repeat} of ${repeats})` : ""}`;
      test(name, { timeout: scenarioMs }, async (context) => {
        if (have >= mine) context.skip("the series holds it already");
        const { figures, verdict } = await measureOnce(context, suite(), scenario, struck, other);
        keepAndJudge(context, figures, verdict, setting);
      });
    }
  }
}

/** One measurement of a scenario. `label` sets its histories apart where a test takes several. */
export async function measureOnce(
  context: TestContext,
  { echo, outside }: ScenarioSite,
  scenario: Scenario,
  struck: Cluster,
  other: Cluster,
  label?: string,
): Promise<Measured> {
  const { affinity } = scenario;
  const client =
    (scenario.client ?? (affinity === "remote" ? "other" : "struck")) === "struck" ? struck : other;
  const roles: Roles = { struck, other, client, echo, signal: context.signal };
  const fault = await scenario.strike(roles);
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
    struck,
    client,
    clusters: mesh.clusters,
    echo,
    service: serviceOf(affinity),
    ...(outside === undefined ? {} : { outside }),
    lostNodes: (await scenario.lostNodes?.(struck)) ?? [],
    ...(servedBy === undefined ? {} : { servedBy }),
    expected: scenario.expected(roles),
    horizonMs: scenario.horizonMs,
    holdMs: scenario.holdMs ?? 0,
    stableMs: budgets.stableMs,
    settleMs: budgets.settleMs,
    mainEveryMs: budgets.probeEveryMs * sparingOfRun(),
    otherEveryMs: budgets.probeOthersEveryMs * sparingOfRun(),
    timeoutMs: budgets.probeTimeoutMs,
    rig,
    historyFile: (title) => historyFile(context, label === undefined ? title : `${label} ${title}`),
    strike: () => injectFault(fault, { mesh, namespace: echo.namespace, signal: context.signal }),
    signal: context.signal,
  });
}

function keepAndJudge(context: TestContext, figures: Figures, verdict: Verdict, setting: Setting): void {
  const measurement = { ...figures, runId: runIdOfRun(), at: wallLabel(), setting };
  keepMeasurement(context, measurement);
  keepFacts(context, {
    outageMs: figures.away.recovered ? figures.away.outageMs : "not recovered",
    lost: figures.away.lost,
    longestGapMs: figures.away.longestGapMs,
    backOutageMs: figures.back.outageMs,
    ...Object.fromEntries(figures.phases.links.map((l) => [`link up to: ${l.upTo}, ms`, l.ms])),
    unexplainedMs: figures.phases.unexplainedMs,
    latenessP99Ms: figures.prober.latenessP99Ms,
    cpuShare: figures.prober.cpuShare,
    allCpuShare: figures.prober.allCpuShare,
  });
  const baseline = baselineOfRun();
  expect(
    baseline === undefined
      ? verdict
      : combine([
          verdict,
          judgeByBaseline({ ...measurement, outcome: verdict.outcome }, readSeries(baseline), {
            runs: budgets.baselineRuns,
            factor: budgets.baselineFactor,
          }),
        ]),
  ).toPass();
}
