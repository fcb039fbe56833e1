import type { Cluster } from "#harness/cluster/cluster.ts";
import { agentHeld, type Held, slicesHeld } from "#harness/faults/catalogue/delay.ts";
import type { SuiteFaultContext } from "#harness/faults/fault.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { kinds } from "#harness/kube/kube.ts";
import { quantile } from "#harness/lib/stats.ts";
import type { Figures, Measured } from "#harness/measure/measure.ts";
import {
  lastWorkerOf,
  measureScenario,
  type Scenario,
  type ScenarioContext,
  scaleToZero,
  serviceOf,
  survivors,
} from "#harness/measure/scenarios.ts";
import type { Boundary } from "#harness/model/measurement.ts";
import { combine, failedBecause, type Verdict } from "#harness/model/verdict.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { scenarioContextOf, scenarioSetup } from "#harness/testkit/scenario-tests.ts";
import { waitUntilServedBy } from "#harness/workloads/sampling.ts";

const times = 5;
const tolerance = 0.2;
const timeoutMs = 600_000;

// The injected delays are measured, but not compared with the budgets.
const plain: Scenario = {
  ...scaleToZero("local"),
  expected: (roles) => ({ movesTo: survivors("local", roles), awayWithinMs: 10_000, backWithinMs: 10_000 }),
};

/** The first cluster is the target, the second takes over. */
function rolesIn({ mesh }: ScenarioContext): { target: Cluster; other: Cluster } {
  const [target, other] = mesh.clusters;
  if (target === undefined || other === undefined) throw new Error("a mesh has two clusters");
  return { target, other };
}

interface Repeated {
  readonly verdict: Verdict;
  readonly figures: readonly Figures[];
}

/** Measures a scenario several times; stops at the first that does not pass. */
async function repeated(
  context: ScenarioContext,
  historyFile: (title: string) => string,
  scenario: () => Scenario,
  each: (measured: Measured) => void = () => {},
): Promise<Repeated> {
  const figures: Figures[] = [];
  const verdicts: Verdict[] = [];
  for (let i = 1; i <= times && combine(verdicts).outcome === "pass"; i++) {
    const measured = await measureScenario(context, scenario(), rolesIn(context), (title) =>
      historyFile(`${i} ${title}`),
    );
    verdicts.push(measured.verdict);
    if (measured.verdict.outcome === "pass") each(measured);
    figures.push(measured.figures);
  }
  return { verdict: combine(verdicts), figures };
}

function afterOf(figures: Figures, boundary: Boundary): number {
  const seen = figures.phases.seen.find((s) => s.boundary === boundary)?.afterMs;
  if (seen === null || seen === undefined) throw new Error(`${boundary} was not seen`);
  return seen;
}

/** Median time between two boundaries that were both seen; a missing one is an error. */
function medianBetween(all: readonly Figures[], from: Boundary, to: Boundary): number {
  return quantile(
    all.map((f) => afterOf(f, to) - afterOf(f, from)),
    0.5,
  );
}

/** Compares the delay added between two boundaries, by the medians, with the fault's own record. */
interface Added {
  readonly addedMs: number;
  readonly recordMs: number;
}

const addedBetween = (
  [from, to]: readonly [Boundary, Boundary],
  without: readonly Figures[],
  within: readonly Figures[],
  records: readonly number[],
): Added => ({
  addedMs: medianBetween(within, from, to) - medianBetween(without, from, to),
  recordMs: quantile(records, 0.5),
});

const factsOf = (link: Boundary, { addedMs, recordMs }: Added): Record<string, number> => ({
  [`${link}: added ms`]: addedMs,
  "the fault's own record, ms": recordMs,
});

const judgeAdded = (link: Boundary, { addedMs, recordMs }: Added): Verdict =>
  failedBecause(
    Math.abs(addedMs - recordMs) <= tolerance * recordMs
      ? []
      : [
          `${link}: ${addedMs.toFixed(0)} ms were added, ${recordMs.toFixed(0)} ms by the fault's own record (${tolerance * 100} % are allowed)`,
        ],
  );

const lasted = (h: Held): number => h.untilUnixMs - h.fromUnixMs;

/** One backend in each cluster, known to every client. */
async function oneBackendEach({ mesh, echo, budgets, signal }: ScenarioContext): Promise<void> {
  const within = { withinMs: budgets.settleMs, signal };
  for (const c of mesh.clusters)
    await c.kube.merge(kinds.deployment, echo.namespace, echo.deploymentOf(c), { spec: { replicas: 1 } });
  for (const c of mesh.clusters) {
    await echo.awaitReady(c, budgets.settleMs, signal);
    await waitUntilServedBy(c, { echo, service: serviceOf("local"), by: [c] }, within);
  }
}

export default defineSuite(
  {
    name: "failover-delays",
    tags: ["failover", "long", "extended", "disruptive"],
    when: "long",
    order: 7,
    goal: "A delay added to one link of the chain is measured in that link, with the right amount.",
    method:
      "Scales to zero several times with and without an injected delay: an admission webhook delays EndpointSlice changes, or the agent is stopped after the change; compares the difference of the medians with the fault's own record of the added delay.",
    failureMeans: "The measurement itself: the timestamps that divide an outage.",
    requires: ["localNodes"],
    echo: { replicas: 2, heartbeats: true },
    setup: scenarioSetup(["local"]),
  },
  ({ test }) => {
    test("of the API server > EndpointSlice changes held back by 300 ms", {
      timeoutMs,
    }, async ({ mesh, budgets, echo, outside, run, signal, historyFile, keepFacts, expect }) => {
      const context = scenarioContextOf({ mesh, budgets, echo, outside, run, signal });
      const { target } = rolesIn(context);
      const without = await repeated(
        context,
        (title) => historyFile(`plain ${title}`),
        () => plain,
      );
      expect(without.verdict).toPass();
      if (outside === undefined)
        throw new Error("there is no container outside the clusters for the webhook");
      const delay = slicesHeld(target, outside, 300);
      const records: number[] = [];
      await using _held = await injectFault(delay.fault, { mesh, namespace: echo.namespace, signal });
      const within = await repeated(
        context,
        (title) => historyFile(`held ${title}`),
        () => plain,
        ({ figures, faultUnixMs }) => {
          // The changes that were delayed between the fault and the boundary.
          const sliceUnixMs = faultUnixMs + afterOf(figures, "EndpointSlice changed");
          const waited = delay
            .record()
            .filter((h) => h.fromUnixMs >= faultUnixMs && h.untilUnixMs <= sliceUnixMs + 20);
          records.push(waited.reduce((sum, h) => sum + lasted(h), 0));
        },
      );
      expect(within.verdict).toPass();
      const link = ["fault begun", "EndpointSlice changed"] as const;
      const added = addedBetween(link, without.figures, within.figures, records);
      keepFacts(factsOf(link[1], added));
      expect(judgeAdded(link[1], added)).toPass();
    });

    // One backend: Cilium batches changes for half a second from the first one. With two, part of that time would have
    // passed when the last backend goes, and a stopped agent would wait for all of it again.
    test("of the agent > stopped until 500 ms after the change", {
      timeoutMs,
    }, async ({ mesh, budgets, echo, outside, run, signal, historyFile, keepFacts, expect }) => {
      const context = scenarioContextOf({ mesh, budgets, echo, outside, run, signal });
      const { target } = rolesIn(context);
      await oneBackendEach(context);
      const without = await repeated(
        context,
        (title) => historyFile(`plain ${title}`),
        () => plain,
      );
      expect(without.verdict).toPass();
      const node = await lastWorkerOf(target);
      const records: number[] = [];
      const within = await repeated(
        context,
        (title) => historyFile(`stopped ${title}`),
        () => {
          const delay = agentHeld({
            cluster: target,
            node,
            deployment: echo.deploymentOf(target),
            service: serviceOf("local"),
            holdMs: 500,
          });
          return {
            ...plain,
            inject: async () => ({
              ...delay.fault,
              inject: async (ctx: SuiteFaultContext) => {
                const injected = await delay.fault.inject(ctx);
                records.push(...delay.record().map(lasted));
                return injected;
              },
            }),
          };
        },
      );
      expect(within.verdict).toPass();
      const link = ["EndpointSlice changed", "agent updated"] as const;
      const added = addedBetween(link, without.figures, within.figures, records);
      keepFacts(factsOf(link[1], added));
      expect(judgeAdded(link[1], added)).toPass();
    });
  },
);
