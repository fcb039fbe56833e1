import { wallLabel } from "#harness/lib/clock.ts";
import type { Measured } from "#harness/measure/measure.ts";
import { arePooled, whyNotPooled } from "#harness/measure/pool.ts";
import {
  applicationOf,
  measureScenario,
  type Scenario,
  type ScenarioContext,
  serviceOf,
} from "#harness/measure/scenarios.ts";
import { readSeries } from "#harness/measure/series.ts";
import { type Affinity, givesFigures, methodVersion } from "#harness/model/measurement.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { servingClusters } from "#harness/workloads/affinity.ts";
import { waitUntilServedBy } from "#harness/workloads/sampling.ts";
import { BaselineRuns } from "./baseline-runs.ts";
import type { ClusterPair, SuiteKit, TestInfo, TestKit } from "./define-suite.ts";
import { pairIn, type SuiteFixtures } from "./fixture-types.ts";
import { identityOf, type MeasurementIdentity } from "./identity-of.ts";

/** Enough for the longest scenario: Kubernetes notices a node's loss after a minute, and its return takes as long. */
const scenarioMs = 600_000;

/**
 * A suite's set-up for scenarios: a service for each affinity, whose preferred backends serve it in every cluster. A
 * kept connection opened before an agent knew the service's address could reach a host outside the lab. The suite's
 * echo backends answer heartbeats too.
 */
export function scenarioSetup(
  affinities: readonly Affinity[],
): (context: SuiteFixtures) => Promise<{ readonly outside: string | undefined }> {
  return async ({ mesh, echo, within, outside }) => {
    const balanced = mesh.clusters.every((c) => c.capabilities.assignsLoadBalancerIPs);
    for (const affinity of affinities) {
      await echo.serve(
        serviceOf(affinity),
        {
          [annotation.global]: "true",
          ...(affinity === "none" ? {} : { [annotation.affinity]: affinity }),
        },
        balanced ? "LoadBalancer" : "NodePort",
      );
      for (const cluster of balanced ? mesh.clusters : []) {
        const { withinMs, signal } = within.settle;
        await echo.loadBalancerIp(cluster, serviceOf(affinity), withinMs, signal);
      }
      for (const cluster of mesh.clusters) {
        const expectedClusters = servingClusters(affinity, cluster, mesh.clusters);
        await waitUntilServedBy(
          cluster,
          { echo, service: serviceOf(affinity), by: expectedClusters },
          within.settle,
        );
      }
    }
    return { outside };
  };
}

/** A scenario's context, built from a test's fixtures. */
export const scenarioContextOf = ({
  mesh,
  budgets,
  echo,
  outside,
  run,
  signal,
}: Pick<TestKit<unknown>, "mesh" | "budgets" | "echo" | "outside" | "run" | "signal">): ScenarioContext => ({
  mesh,
  budgets,
  echo,
  outside,
  probeIntervalFactor: run.probeIntervalFactor,
  signal,
});

/**
 * Defines a scenario's tests, one per repetition and direction. Skips those that the run's series already contains. The
 * links of the chain are read on the client's node, and all times are of one clock, so nodes of other machines are
 * `unsupported`.
 */
export function scenarioTests<S>(
  { pairs, repeat: repeats, test }: SuiteKit<S>,
  scenario: Scenario,
  info: TestInfo = {},
): void {
  const baselineRuns = new BaselineRuns();
  for (let repeat = 1; repeat <= repeats; repeat++) {
    const alternating = scenario.directions === "alternating";
    const chosen = alternating ? pairs.slice((repeat - 1) % pairs.length).slice(0, 1) : pairs;
    // How many of this direction the series contains after this test.
    const self = alternating ? Math.ceil(repeat / pairs.length) : repeat;
    for (const pair of chosen) {
      const count = repeats > 1 ? ` (${repeat} of ${repeats})` : "";
      test(`${pair.name} > ${titleOf(scenario)}, and back${count}`, {
        timeoutMs: scenarioMs,
        ...info,
        requires: ["localNodes", ...(info.requires ?? [])],
      }, async ({
        mesh,
        budgets,
        echo,
        outside,
        run,
        signal,
        skip,
        historyFile,
        keepFacts,
        keepMeasurement,
        keepLosses,
        expect,
      }) => {
        const application = applicationOf(scenario);
        const { probeIntervalFactor } = run;
        const of = { mesh, echo, application, probeIntervalFactor, signal };
        const identity = await identityOf(of);
        const { held, notPooled } = inSeries(run.series, scenario, pair, identity);
        if (held >= self) skip("the series already contains it");
        if (notPooled.length > 0) keepFacts({ "not pooled with the series": notPooled.join("; ") });
        await echo.become(application, { withinMs: budgets.settleMs, signal });
        const { from: target, to: other } = pairIn(mesh, pair);
        const context = scenarioContextOf({ mesh, budgets, echo, outside, run, signal });
        const measured = await measureScenario(context, scenario, { target, other }, historyFile);
        const { realTime } = measured;
        const made = await identityOf({ ...of, realTime });
        const measurement = { ...measured.figures, runId: run.runId, at: wallLabel(), ...made };
        keepMeasurement(measurement);
        await keepLosses(measured.losses, measurement);
        keepFacts(factsOf(measured));
        const last = repeat + (alternating ? pairs.length : 1) > repeats;
        const { verdict } = measured;
        const { baseline } = run;
        expect(baselineRuns.verdictOf({ measurement, verdict, last, baseline, budgets })).toPass();
      });
    }
  }
}

const titleOf = (scenario: Scenario): string =>
  [
    scenario.name,
    `affinity ${scenario.affinity}`,
    ...(applicationOf(scenario) === "exits" ? [] : [`application ${scenario.application}`]),
  ].join(", ");

/** The measurements of a series that the coming one is pooled with, and why it is not pooled with others of its scenario. */
function inSeries(
  series: string | undefined,
  { name, affinity }: Scenario,
  { from }: ClusterPair,
  identity: MeasurementIdentity,
): { readonly held: number; readonly notPooled: readonly string[] } {
  const coming = { ...identity, method: methodVersion, scenario: name, affinity, struck: from.name };
  const good = (series === undefined ? [] : readSeries(series)).filter(givesFigures);
  return {
    held: good.filter((m) => arePooled(m, coming)).length,
    notPooled: [...new Set(good.flatMap((m) => whyNotPooled(m, coming)))],
  };
}

function factsOf({ figures }: Measured): Record<string, number | string | null | undefined> {
  const { away, back, phases, prober } = figures;
  return {
    recovered: away.recovered ? "yes" : "no",
    lost: away.lost,
    lostTimeMs: away.lostTimeMs,
    longestGapMs: away.longestGapMs,
    bursts: away.bursts,
    firstLossMs: away.firstLossMs,
    lastLossMs: away.lastLossMs,
    slow: away.slow,
    backLostTimeMs: back.lostTimeMs,
    heldForMs: figures.heldForMs,
    ...Object.fromEntries(
      phases.links.map((l) => [`link up to: ${l.upTo}, ms`, l.resolved ? l.ms : "not resolved"]),
    ),
    "not accounted for, ms": phases.unexplainedMs,
    latenessP99Ms: prober.latenessP99Ms,
    cpuShare: prober.cpuShare,
    allCpuShare: prober.allCpuShare,
  };
}
