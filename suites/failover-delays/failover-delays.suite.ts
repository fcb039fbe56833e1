import { type Cluster, requireKind } from "#harness/cluster/cluster.ts";
import { apiserverSelector } from "#harness/cluster/selectors.ts";
import {
  agentProcess,
  clusterMeshProcess,
  kvstoreMeshProcess,
  nodesOf,
} from "#harness/faults/catalogue/control-plane.ts";
import {
  type EarlierBoundary,
  kvstoreEmpty,
  type PlantedDelay,
  processHeld,
  slicesEmpty,
} from "#harness/faults/catalogue/planted-delay.ts";
import { slicesHeld } from "#harness/faults/catalogue/slices-held.ts";
import { judgePlanted, type Planted, shiftMs } from "#harness/judge/planted.ts";
import { hasEnough, measureRound, type PlantedLink, type PlantedRound } from "#harness/measure/planted.ts";
import {
  lastWorkerOf,
  measureScenario,
  type Scenario,
  type ScenarioContext,
  scaleToZero,
  serviceOf,
  survivors,
} from "#harness/measure/scenarios.ts";
import type { Observation } from "#harness/model/timing.ts";
import { combine } from "#harness/model/verdict.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { scenarioContextOf, scenarioSetup } from "#harness/testkit/scenario-tests.ts";

/** Parts of a link: what spoils one of them leaves pairs enough in the others. */
const parts = 4;
const roundsOfPart = 5;
/** Five rounds of four measurements, on a machine half as fast. */
const timeoutMs = 2_400_000;
const affinities = ["local", "remote"] as const;
type Affinity = (typeof affinities)[number];

/** The first cluster loses its backends, the second takes over. */
interface Place {
  readonly target: Cluster;
  readonly other: Cluster;
  readonly context: ScenarioContext;
  /** The cluster and the node of the measured client. */
  readonly client: Cluster;
  readonly clientNode: string;
}

interface DelayedLink extends PlantedLink {
  /** Ends a test's title. */
  readonly how: string;
  readonly affinity: Affinity;
  readonly delay: (place: Place) => (holdMs: number) => PlantedDelay;
}

/**
 * A plain link contains waiting for a processor just after the change, which is over when a held process goes on: of
 * 250 ms the median shift was 119 ms less than the record (five pairs, two cores). So a link's error is of that order.
 */
const sizesMs = [500, 1000, 2000];

const links: readonly DelayedLink[] = [
  {
    ...{ from: "fault begun", upTo: "EndpointSlice changed", affinity: "local" },
    how: "a webhook of the API server",
    sizesMs,
    delay({ target, context: { echo, outside } }) {
      if (outside === undefined)
        throw new Error("there is no container outside the clusters for the webhook");
      const of = {
        ...{ cluster: target, deployment: echo.deploymentOf(target) },
        ...{ service: serviceOf("local"), container: outside },
      };
      return (holdMs) => slicesHeld({ ...of, holdMs });
    },
  },
  {
    ...{ from: "EndpointSlice changed", upTo: "kvstore changed", affinity: "remote" },
    how: "a stopped clustermesh-apiserver",
    sizesMs,
    delay(place) {
      const nodes = () => nodesOf(requireKind(place.target, "apiserver-held"), apiserverSelector);
      const hold = { ...heldOf(place), name: "apiserver-held", nodes, process: clusterMeshProcess };
      const earlier = slicesEmpty(place.target, serviceOf("remote"), true);
      return (holdMs) => processHeld({ ...hold, earlier, holdMs });
    },
  },
  {
    ...{ from: "kvstore changed", upTo: "peer's cache changed", affinity: "remote" },
    how: "a stopped KVStoreMesh",
    sizesMs,
    delay(place) {
      const nodes = () => nodesOf(requireKind(place.client, "kvstoremesh-held"), apiserverSelector);
      const hold = { ...heldOf(place), name: "kvstoremesh-held", nodes, process: kvstoreMeshProcess };
      const earlier = kvstoreEmpty("state", { ...place, service: serviceOf("remote") });
      return (holdMs) => processHeld({ ...hold, earlier, holdMs });
    },
  },
  {
    ...{ from: "peer's cache changed", upTo: "agent updated", affinity: "remote" },
    how: "a stopped agent",
    sizesMs,
    delay: (place) => agentHeld(place, kvstoreEmpty("cache", { ...place, service: serviceOf("remote") })),
  },
  {
    ...{ from: "EndpointSlice changed", upTo: "agent updated", affinity: "local" },
    how: "a stopped agent",
    sizesMs,
    delay: (place) => agentHeld(place, slicesEmpty(place.target, serviceOf("local"), false)),
  },
];

const heldOf = ({ target, context: { echo } }: Place) => ({ target, deployment: echo.deploymentOf(target) });

const agentHeld = (place: Place, earlier: EarlierBoundary) => (holdMs: number) =>
  processHeld({
    ...{ ...heldOf(place), name: "agent-held", process: agentProcess, earlier, holdMs },
    nodes: async () => [requireKind(place.client, "agent-held").node(place.clientNode)],
  });

async function placeOf(context: ScenarioContext, affinity: Affinity): Promise<Place> {
  const [target, other] = context.mesh.clusters;
  if (target === undefined || other === undefined) throw new Error("a mesh has two clusters");
  const client = affinity === "remote" ? other : target;
  return { context, target, other, client, clientNode: await lastWorkerOf(client) };
}

/** The planted delays are measured, and not judged as losses. */
const scenarioOf = (affinity: Affinity): Scenario => ({
  ...scaleToZero(affinity),
  expected: (roles) => ({ movesTo: survivors(affinity, roles), backWithinMs: 60_000, bursts: 1000 }),
});

/** Two rows for each size: the measured shift, and what the fault's own record says. */
function observationsOf(
  { upTo, affinity }: DelayedLink,
  place: Place,
  pairs: readonly Planted[],
): Observation[] {
  return pairs.flatMap((pair) => {
    const { holdMs, round, plainMs, delayedMs, errorMs, recordMs, recordErrorMs } = pair;
    const of = {
      ...{ unit: "ms" as const, watchedMs: 10_000, round, of: place.target.name },
      at: `${place.client.name}/${place.clientNode}`,
      evidence: { plainMs, delayedMs },
    };
    const what = `${upTo}, affinity ${affinity}, ${holdMs} ms planted`;
    return [
      { ...of, what: `${what}: measured`, value: shiftMs(pair), errorMs },
      { ...of, what: `${what}: by the fault's record`, value: recordMs, errorMs: recordErrorMs },
    ];
  });
}

export default defineSuite(
  {
    name: "failover-delays",
    tags: ["failover", "long", "extended", "disruptive"],
    when: "long",
    order: 7,
    goal: "A delay planted in one link of the chain is measured in that link, with the right amount.",
    method:
      "Scales to zero without a delay and with delays of three sizes, in fifteen rounds: an admission webhook delays EndpointSlice changes, or clustermesh-apiserver, KVStoreMesh or the agent is stopped until some time after the change before. The median shift must be what the fault recorded, within the larger of 10 % and 30 ms. No delay can be planted between the agent and its BPF map, and between the map and traffic.",
    failureMeans: "The measurement itself: the timestamps that divide an outage.",
    requires: ["localNodes", "clustermeshApiserver", "kvstoreMesh"],
    // One backend: Cilium batches changes for half a second from the first one. With two, part of that time would have
    // passed when the last backend goes, and a stopped agent would wait for all of it again.
    echo: { replicas: 1, heartbeats: true },
    setup: scenarioSetup(affinities),
  },
  ({ test }) => {
    for (const link of links) {
      const title = `${link.from} > ${link.upTo}, affinity ${link.affinity}`;
      const pairs: Planted[] = [];
      for (let part = 1; part <= parts; part++)
        test(`${title}: held back by ${link.how}, part ${part}`, {
          timeoutMs,
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
          keepTiming,
          expect,
        }) => {
          if (hasEnough(link, pairs)) skip("there are pairs enough");
          const context = scenarioContextOf({ mesh, budgets, echo, outside, run, signal });
          const place = await placeOf(context, link.affinity);
          const delayOf = link.delay(place);
          const plain = scenarioOf(link.affinity);
          const measureOne = (name: string, delay: PlantedDelay | undefined) =>
            measureScenario(
              context,
              delay === undefined ? plain : { ...plain, inject: async () => delay.fault },
              place,
              (vantage) => historyFile(`${name} ${vantage}`),
            );
          const of: PlantedRound[] = [];
          for (let i = 1; i <= roundsOfPart && combine(of.map((r) => r.verdict)).outcome === "pass"; i++)
            of.push(await measureRound(link, (part - 1) * roundsOfPart + i, delayOf, measureOne));
          const measured = of.flatMap((r) => r.pairs);
          pairs.push(...measured);
          keepFacts({
            pairs: measured.length,
            "measurements spoiled by the test machine": of.reduce((sum, r) => sum + r.spoiled, 0),
          });
          const observations = observationsOf(link, place, measured);
          await keepTiming(
            { topic: "failover-delays", everyMs: budgets.probeEveryMs, observations, probers: [] },
            echo,
          );
          expect(combine(of.map((r) => r.verdict))).toPass();
        });
      test(`${title}: the planted delays are measured`, {}, async ({ expect }) => {
        expect(judgePlanted(title, link.sizesMs, pairs)).toPass();
      });
    }
  },
);
