// Goal: time that is added to one link of the chain shows up in that link, and in the right amount.
// Method: scale to zero with and without a planted delay, several times each: EndpointSlice changes held back by an
// admission webhook, the agent stopped after the change; the difference of the medians is held against the fault's own
// record of what it added.
import { describe } from "vitest";
import { agentHeld, type Held, slicesHeld } from "#harness/faults/catalogue/delay.ts";
import type { SuiteHarm } from "#harness/faults/fault.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { quantile } from "#harness/lib/stats.ts";
import type { Figures, Measured } from "#harness/measure/measure.ts";
import type { Boundary } from "#harness/model/measurement.ts";
import { failedBecause } from "#harness/model/verdict.ts";
import { expect, keepFacts, mesh, test } from "#harness/testkit/fixtures.ts";
import {
  measureOnce,
  type Scenario,
  scaleToZero,
  serviceOf,
  setUpScenarios,
  survivors,
} from "#harness/testkit/scenarios.ts";

const times = 5;
const tolerance = 0.2;
const [struck, other] = mesh.clusters as [(typeof mesh.clusters)[0], (typeof mesh.clusters)[0]];

// The delays are planted: they are measured, not held against the budgets.
const plain: Scenario = {
  ...scaleToZero("local"),
  expected: (roles) => ({ movesTo: survivors("local", roles), awayWithinMs: 10_000, backWithinMs: 10_000 }),
};

type Context = Parameters<typeof measureOnce>[0];
type Suite = ReturnType<typeof setUpScenarios>;

async function repeated(
  context: Context,
  suite: Suite,
  label: string,
  scenario: () => Scenario,
  each: (measured: Measured) => void = () => {},
): Promise<Figures[]> {
  const all: Figures[] = [];
  for (let i = 1; i <= times; i++) {
    const measured = await measureOnce(context, suite(), scenario(), struck, other, `${label} ${i}`);
    expect(measured.verdict).toPass();
    each(measured);
    all.push(measured.figures);
  }
  return all;
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

/** What the delay added between two boundaries, by the medians, against what its own record says. */
function judgeAdded(
  context: Context,
  [from, link]: readonly [Boundary, Boundary],
  without: readonly Figures[],
  within: readonly Figures[],
  records: readonly number[],
): void {
  const addedMs = medianBetween(within, from, link) - medianBetween(without, from, link);
  const recordMs = quantile(records, 0.5);
  keepFacts(context, { [`${link}: added ms`]: addedMs, "the fault's own record, ms": recordMs });
  expect(
    failedBecause(
      Math.abs(addedMs - recordMs) <= tolerance * recordMs
        ? []
        : [
            `${link}: ${addedMs.toFixed(0)} ms were added, ${recordMs.toFixed(0)} ms by the fault's own record (${tolerance * 100} % are allowed)`,
          ],
    ),
  ).toPass();
}

const lasted = (h: Held): number => h.untilUnixMs - h.fromUnixMs;

describe("of the API server", () => {
  const suite = setUpScenarios("failover-delays-slices", ["local"]);

  test("EndpointSlice changes held back by 300 ms", { timeout: 600_000 }, async (context) => {
    const without = await repeated(context, suite, "plain", () => plain);
    const delay = slicesHeld(struck, suite().outside!, 300);
    const records: number[] = [];
    await using _held = await injectFault(delay.fault, {
      mesh,
      namespace: suite().echo.namespace,
      signal: context.signal,
    });
    const within = await repeated(
      context,
      suite,
      "held",
      () => plain,
      ({ figures, faultUnixMs }) => {
        // What the boundary waited for: the changes that were held between the fault and it.
        const sliceUnixMs = faultUnixMs + afterOf(figures, "EndpointSlice changed");
        const waited = delay
          .record()
          .filter((h) => h.fromUnixMs >= faultUnixMs && h.untilUnixMs <= sliceUnixMs + 20);
        records.push(waited.reduce((sum, h) => sum + lasted(h), 0));
      },
    );
    judgeAdded(context, ["fault begun", "EndpointSlice changed"], without, within, records);
  });
});

describe("of the agent", () => {
  // One backend: Cilium collects changes for half a second from the first on, so with two, part of that time would be
  // over when the last one goes, and all of it again for an agent that was stopped.
  const suite = setUpScenarios("failover-delays-agent", ["local"], { replicas: 1 });

  test("stopped until 500 ms after the change", { timeout: 600_000 }, async (context) => {
    const without = await repeated(context, suite, "plain", () => plain);
    const node = (await struck.nodes()).findLast((n) => n.role === "worker")!.name;
    const records: number[] = [];
    const within = await repeated(context, suite, "stopped", () => {
      const deployment = suite().echo.deploymentOf(struck);
      const delay = agentHeld({
        cluster: struck,
        node,
        deployment,
        service: serviceOf("local"),
        holdMs: 500,
      });
      return {
        ...plain,
        strike: async () => ({
          ...delay.fault,
          inject: async (harm: SuiteHarm) => {
            const harmed = await delay.fault.inject(harm);
            records.push(...delay.record().map(lasted));
            return harmed;
          },
        }),
      };
    });
    judgeAdded(context, ["EndpointSlice changed", "agent updated"], without, within, records);
  });
});
