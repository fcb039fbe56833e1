// Goal: with affinity local, a service survives losing every backend of one cluster, and comes back.
// Method: open-loop probers from a pod and from outside, one new connection at a time on a fixed grid; scale one side
// to zero and back; judge the recorded histories against the budgets.
import { failoverFacts } from "#harness/check/failover.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import type { History, Mark } from "#harness/core/history.ts";
import { scaleToZero } from "#harness/fault/scale.ts";
import {
  agnhostImage,
  budgets,
  expect,
  forEachPair,
  keepFacts,
  keepHistory,
  mesh,
  rig,
  setUp,
  test,
} from "#harness/fixtures.ts";
import { settledOn } from "#harness/mesh/draw.ts";
import { annotation } from "#harness/mesh/echo.ts";
import { EchoBackends } from "#harness/mesh/echo-service.ts";
import { vantagesOf } from "#harness/mesh/vantage.ts";
import { type Probe, startOutsideProbe, startProbe } from "#harness/probe/driver.ts";

const service = "echo";
/** The NodePort probers are many: sparser, so that two cores carry them all. */
const nodePortEveryMs = 50;

const suite = setUp("failover", async ({ namespace, signal, outside }) => {
  const echo = await EchoBackends.deploy(mesh.clusters, {
    namespace,
    image: agnhostImage,
    replicas: 2,
    withinMs: budgets.settleMs,
    signal,
  });
  await echo.serve(service, { [annotation.global]: "true", [annotation.affinity]: "local" }, "LoadBalancer");
  for (const cluster of mesh.clusters) {
    await echo.loadBalancerIp(cluster, service, budgets.settleMs, signal);
    await settledOn(cluster, echo, service, [cluster], { withinMs: budgets.settleMs, signal });
  }
  return { echo, client: await outside() };
});

interface Experiment {
  readonly histories: readonly History[];
  /** On each prober's own clock, in the order of the histories. */
  readonly marks: readonly { readonly away: Mark; readonly back: Mark }[];
}

/** Away and back, seen from every vantage point at once. */
async function moveAwayAndBack(from: Cluster, to: Cluster, signal: AbortSignal): Promise<Experiment> {
  const { echo, client } = suite();
  const options = { timeoutMs: budgets.probeTimeoutMs, clusterOf: echo.clusterOf, signal };
  const vantage = (await vantagesOf(from.kube)).at(-1)!;
  const nodePort = await echo.nodePort(from, service);
  await using probes = new ProbeSet([
    await startProbe(from, vantage, {
      ...options,
      title: `ClusterIP of ${from.name}, from a pod`,
      host: await echo.clusterIp(from, service),
      port: 80,
      everyMs: budgets.probeEveryMs,
    }),
    await startOutsideProbe(client, {
      ...options,
      title: `LoadBalancer of ${from.name}, from outside`,
      host: await echo.loadBalancerIp(from, service, budgets.settleMs, signal),
      port: 80,
      everyMs: budgets.probeEveryMs,
    }),
    ...(await Promise.all(
      (
        await from.nodes()
      ).map((node) =>
        startOutsideProbe(client, {
          ...options,
          title: `NodePort on ${node.name}, from outside`,
          host: node.address,
          port: nodePort,
          everyMs: nodePortEveryMs,
        }),
      ),
    )),
  ]);
  await probes.settled(from, budgets.settleMs);
  const away = probes.mark(`${echo.deploymentOf(from)} scaled to zero`);
  await using gone = await scaleToZero(
    { mesh, namespace: echo.namespace, signal },
    from.kube,
    echo.deploymentOf(from),
  );
  await probes.settled(to, budgets.settleMs);
  const back = probes.mark(`${echo.deploymentOf(from)} scaled back`);
  await gone.heal();
  await probes.settled(from, budgets.settleMs);
  return { histories: await probes.stop(), marks: away.map((a, i) => ({ away: a, back: back[i]! })) };
}

class ProbeSet implements AsyncDisposable {
  readonly #probes: readonly Probe[];
  constructor(probes: readonly Probe[]) {
    this.#probes = probes;
  }
  async settled(on: Cluster, withinMs: number): Promise<void> {
    // Half as long again as "stable": the judged stretch must hold a whole stable one.
    await Promise.all(
      this.#probes.map((p) => p.settled({ servedBy: on.name, withinMs, quietMs: 1.5 * budgets.stableMs })),
    );
  }
  mark(name: string): Mark[] {
    return this.#probes.map((p) => p.mark(name));
  }
  stop(): Promise<History[]> {
    return Promise.all(this.#probes.map((p) => p.stop()));
  }
  async [Symbol.asyncDispose](): Promise<void> {
    for (const probe of this.#probes) await probe[Symbol.asyncDispose]();
  }
}

forEachPair((from, to) => {
  test(`${from.name} to ${to.name} and back, through ClusterIP, NodePort and LoadBalancer`, async (context) => {
    const { histories, marks } = await moveAwayAndBack(from, to, context.signal);
    const verdicts: (() => void)[] = [];
    for (const [i, history] of histories.entries()) {
      const { away, back } = marks[i]!;
      const failover = {
        from: from.name,
        to: to.name,
        withinMs: budgets.failoverMs,
        stableMs: budgets.stableMs,
        sinceMs: away.atMs,
        untilMs: back.atMs,
        rig,
      };
      const failback = {
        from: to.name,
        to: from.name,
        withinMs: budgets.failbackMs,
        stableMs: budgets.stableMs,
        sinceMs: back.atMs,
        rig,
      };
      await keepHistory(context, `${from.name}-to-${to.name}-${history.title}`, history);
      const there = failoverFacts(history, failover);
      const home = failoverFacts(history, failback);
      keepFacts(context, {
        [`${history.title}: failover outageMs`]: there.outageMs,
        [`${history.title}: failover lost`]: there.lost,
        [`${history.title}: lastOldMs`]: there.lastOldMs === undefined ? null : there.lastOldMs - away.atMs,
        [`${history.title}: firstErrorMs`]:
          there.firstErrorMs === undefined ? null : there.firstErrorMs - away.atMs,
        [`${history.title}: firstNewMs`]:
          there.firstNewMs === undefined ? null : there.firstNewMs - away.atMs,
        [`${history.title}: stableAgainMs`]:
          there.stableAgainMs === undefined ? null : there.stableAgainMs - away.atMs,
        [`${history.title}: longestGapMs`]: there.longestGapMs,
        [`${history.title}: failback outageMs`]: home.outageMs,
        [`${history.title}: failback lost`]: home.lost,
        [`${history.title}: latenessP99Ms`]: there.latenessP99Ms,
        [`${history.title}: cpuShare`]: there.cpuShare,
      });
      verdicts.push(() => expect(history).toFailOver(failover));
      verdicts.push(() => expect(history).toFailOver(failback));
    }
    for (const judge of verdicts) judge();
  });
});
