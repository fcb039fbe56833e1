import type { Agent } from "#harness/cilium/agent/agent.ts";
import { everyAgentOf } from "#harness/cilium/agent/every-agent.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { judgeSameSet } from "#harness/judge/sets.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { eventually, notYet, preparedWithinMs, ready } from "#harness/lib/eventually.ts";
import { combine, failedBecause, type Verdict } from "#harness/model/verdict.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { judgeWithdrawal, servedFlows } from "#harness/testkit/absence.ts";
import { judgeAnsweredInTime } from "#harness/testkit/answered-by.ts";
import { bothWays } from "#harness/testkit/both-ways.ts";
import { type ClusterPair, type DefineTest, defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn, type SuiteFixtures } from "#harness/testkit/fixture-types.ts";
import { judgeSharesInTime } from "#harness/testkit/shares-in-time.ts";
import { echoHttpPort, echoService } from "#harness/workloads/echo.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import { sampleBackends, serveEverywhere, waitUntilServedBy } from "#harness/workloads/sampling.ts";
import { settledInTime } from "#harness/workloads/settled.ts";

const services = { plain: "echo", old: "echo-old" } as const;

/** The service whose annotations the tests of a pair change. */
const changingOf = ({ from }: { readonly from: { readonly name: string } }): string =>
  `echo-changing-${from.name}`;

/** Two ports of one service with the same target port. */
const twoPorts = { name: "echo-two-ports", ports: { first: 80, second: 8000 } } as const;
const spec = "https://docs.cilium.io/en/v1.19/network/clustermesh/services/";

export default defineSuite(
  {
    name: "global-service",
    tags: ["core", "services"],
    when: "core",
    order: 5,
    goal: "The backends of both clusters serve a global service to clients of both.",
    method:
      "Checks each backend's share of a sample of computed size; compares agents' backend lists and BPF maps with both clusters' EndpointSlices; then tests the annotations that remove backends, and the old annotation names.",
    failureMeans: "The service data that a cluster exports, or how agents apply it.",
    echo: { replicas: 2, patient: true },
    setup: async ({ echo, within }) => {
      // Not waited for: where Cilium merges the ports, only their test must fail.
      await Promise.all(echo.clusters.map((c) => c.kube.apply(twoPortService(echo, c))));
      await settledInTime([
        serveEverywhere(echo, services.plain, { [annotation.global]: "true" }, within.settle),
        serveEverywhere(echo, services.old, { [annotation.oldGlobal]: "true" }, within.settle),
        ...echo.clusters.map((from) =>
          serveEverywhere(echo, changingOf({ from }), { [annotation.global]: "true" }, within.settle),
        ),
      ]);
    },
  },
  ({ pairs, test }) => {
    // Each pair changes a service of its own, so both ways are tested at once.
    const unshared = bothWays(pairs, notShared);
    for (const pair of pairs) {
      servedTests(test, pair);
      twoPortsTest(test, pair);
      sharedTest(test, pair, unshared);
      loadBalancerTest(test, pair);
      withoutGlobalTest(test, pair);
    }
  },
);

/** The endpoints of the plain service; a cluster without one is an error, because nothing could be compared with it. */
async function endpointsOfAll(echo: EchoBackends, clusters: readonly Cluster[]): Promise<string[]> {
  const all = await Promise.all(clusters.map((c) => echo.endpoints(c, services.plain)));
  const without = clusters.filter((_, i) => all[i]?.length === 0);
  if (without.length > 0)
    throw new MeshproofError(
      "mesh-not-ready",
      `service ${services.plain} has no ready endpoint in ${without.map((c) => c.name).join(", ")}`,
    );
  return all.flat();
}

/** An agent's list of backends and its BPF map, of the plain service. */
async function holdsEndpoints(agent: Agent, ip: string, truth: readonly string[]): Promise<Verdict> {
  const entry = (await agent.serviceList()).find((s) => s.frontend === `${ip}:80`);
  const maps = await agent.lbMaps();
  const inMaps = maps.get(`${ip}:80/TCP`) ?? maps.get(`${ip}:80`) ?? [];
  return combine([
    judgeSameSet(
      `${agent.name}: backend list of ${services.plain} (${ip}:80)`,
      (entry?.backends ?? []).map((b) => `${b.ip}:${b.port}`),
      truth,
    ),
    judgeSameSet(
      `${agent.name}: BPF backends of ${services.plain} (${ip}:80)`,
      inMaps.map((b) => b.replace(/\/\w+$/, "")),
      truth,
    ),
  ]);
}

/** The serving backends: by answers, by agents' lists, and with the old annotation. */
function servedTests(test: DefineTest<void>, pair: ClusterPair): void {
  const { from } = pair;
  test(`${pair.name} > ${from.name}'s clients reach the backends of both clusters in even shares`, {
    spec,
  }, async ({ mesh, echo, budgets, within, keepFacts, expect }) => {
    const { from } = pairIn(mesh, pair);
    const service = services.plain;
    const ip = await echo.clusterIp(from, service);
    const { verdict, answers } = await judgeSharesInTime(
      { from, service, ip, expected: () => echo.expectedBackends(mesh.clusters) },
      { budgets, within },
    );
    keepFacts({ answers, falseAlarm: budgets.falseAlarm });
    expect(verdict).toPass();
  });

  test(`${pair.name} > ${from.name}'s agents and BPF maps hold the endpoints of both clusters`, {
    spec,
  }, async ({ mesh, echo, within, signal, keepFacts, expect }) => {
    const { from } = pairIn(mesh, pair);
    const ip = await echo.clusterIp(from, services.plain);
    const agents = await everyAgentOf(from, signal);
    const verdict = await judgedInTime(
      async () => {
        const truth = await endpointsOfAll(echo, mesh.clusters);
        keepFacts({ endpoints: truth.length, agents: agents.length });
        return combine(await Promise.all(agents.map((a) => holdsEndpoints(a, ip, truth))));
      },
      { what: `the agents of ${from.name} to hold service ${services.plain}`, everyMs: 500, ...within.sync },
    );
    expect(verdict).toPass();
  });

  test(`${pair.name} > the old annotation io.cilium/global-service works from ${from.name}`, async ({
    mesh,
    echo,
    budgets,
    within,
    expect,
  }) => {
    const { from } = pairIn(mesh, pair);
    const what = `${from.name} -> service ${services.old}`;
    const ip = await echo.clusterIp(from, services.old);
    const verdict = await judgeAnsweredInTime(
      from,
      { what, ip, pods: () => echo.allPods(mesh.clusters) },
      { budgets, within },
    );
    expect(verdict).toPass();
  });
}

function twoPortService(echo: EchoBackends, cluster: Cluster): KubeObject {
  const service = echoService({
    namespace: echo.namespace,
    name: twoPorts.name,
    selector: { app: echo.deploymentOf(cluster) },
    annotations: { [annotation.global]: "true" },
  });
  const ports = Object.entries(twoPorts.ports).map(([name, port]) => ({
    name,
    port,
    targetPort: echoHttpPort,
    protocol: "TCP",
  }));
  return { ...service, spec: { ...service.spec, ports } };
}

function twoPortsTest(test: DefineTest<void>, pair: ClusterPair): void {
  const { from } = pair;
  test(`${pair.name} > ${from.name}'s clients reach the backends of both clusters by each of two ports with one target port`, {
    spec,
  }, async ({ mesh, echo, budgets, within, expect }) => {
    const { from } = pairIn(mesh, pair);
    const service = twoPorts.name;
    const expected = () => echo.expectedBackends(mesh.clusters);
    const ip = await echo.clusterIp(from, service);
    const judged = await Promise.all(
      Object.values(twoPorts.ports).map((port) =>
        judgeSharesInTime({ from, service, ip, port, expected }, { budgets, within }),
      ),
    );
    expect(combine(judged.map((j) => j.verdict))).toPass();
  });
}

type Kit = Pick<SuiteFixtures, "mesh" | "echo" | "budgets" | "run" | "within">;

async function notShared(kit: Kit, pair: ClusterPair): Promise<Verdict> {
  const { mesh, echo, budgets, within } = kit;
  const { from, to } = pairIn(mesh, pair);
  const service = changingOf(pair);
  const sharing = mesh.clusters.filter((c) => c !== to);
  await using undo = new AsyncDisposableStack();
  return await judgeWithdrawal(
    await servedFlows({ echo, client: from, service, of: [to], remaining: sharing }),
    {
      withdraw: async () => {
        undo.use(await annotated(to, service, { [annotation.shared]: "false" }, kit));
        await waitUntilServedBy(from, { echo, service, by: sharing }, within.sync);
        await waitUntilServedBy(to, { echo, service, by: mesh.clusters }, within.sync);
      },
      restore: () => undo.disposeAsync(),
    },
    { timeoutMs: budgets.requestMs, within: within.sync },
  );
}

function sharedTest(
  test: DefineTest<void>,
  pair: ClusterPair,
  unshared: (kit: Kit, pair: ClusterPair) => Promise<Verdict>,
): void {
  const { from, to } = pair;
  test(`${pair.name} > shared "false" in ${to.name} takes its backends away from ${from.name}, not from itself`, {
    spec,
  }, async ({ mesh, echo, budgets, run, within, expect }) => {
    expect(await unshared({ mesh, echo, budgets, run, within }, pair)).toPass();
  });
}

function loadBalancerTest(test: DefineTest<void>, pair: ClusterPair): void {
  const { from, to } = pair;
  test(`${pair.name} > a new LoadBalancer service of ${to.name} gets an address that answers from ${from.name}`, {
    requires: [{ capability: "loadBalancer", cluster: to.name }],
  }, async ({ mesh, echo, budgets, within, signal, expect }) => {
    const { from, to } = pairIn(mesh, pair);
    const name = `echo-lb-${to.name}`;
    await to.kube.apply(
      echoService({
        namespace: echo.namespace,
        name,
        selector: { app: echo.deploymentOf(to) },
        annotations: {},
        type: "LoadBalancer",
      }),
    );
    const ip = await echo.loadBalancerIp(to, name, budgets.syncMs, signal);
    const expected = await echo.allPods([to], within.sync);
    const verdict = await judgedInTime(
      async () => {
        const request = { count: 12 * expected.length, timeoutMs: budgets.requestMs, signal };
        const sample = await sampleBackends(from, { ip }, request);
        return combine([
          judgeSameSet(
            `${from.name} -> LoadBalancer of ${to.name} (${ip})`,
            [...new Set(sample.good)],
            expected,
          ),
          failedBecause(sample.bad.slice(0, 3)),
        ]);
      },
      {
        what: `the LoadBalancer address ${ip} of ${to.name} to answer from every node of ${from.name}`,
        everyMs: 500,
        ...within.settle,
      },
    );
    expect(verdict).toPass();
  });
}

function withoutGlobalTest(test: DefineTest<void>, pair: ClusterPair): void {
  const { from } = pair;
  test(`${pair.name} > without the global annotation ${from.name} has its own backends only`, {
    spec,
  }, async ({ mesh, echo, budgets, run, within, expect }) => {
    const { from, to } = pairIn(mesh, pair);
    const others = mesh.clusters.filter((c) => c !== from);
    const service = changingOf(pair);
    await using undo = new AsyncDisposableStack();
    const verdict = await judgeWithdrawal(
      [
        ...(await servedFlows({ echo, client: from, service, of: others, remaining: [from] })),
        ...(await servedFlows({ echo, client: to, service, of: [from], remaining: others })),
      ],
      {
        withdraw: async () => {
          undo.use(
            await annotated(from, service, { [annotation.global]: null }, { mesh, echo, budgets, run }),
          );
          await waitUntilServedBy(from, { echo, service, by: [from] }, within.sync);
          await waitUntilServedBy(to, { echo, service, by: others }, within.sync);
        },
        restore: () => undo.disposeAsync(),
      },
      { timeoutMs: budgets.requestMs, within: within.sync },
    );
    expect(verdict).toPass();
  });
}

/**
 * Changes annotations of one cluster's service; its handle restores them and waits until every cluster serves as
 * before.
 */
async function annotated(
  cluster: Cluster,
  name: string,
  changes: Record<string, string | null>,
  { mesh, echo, budgets, run }: Pick<SuiteFixtures, "mesh" | "echo" | "budgets" | "run">,
): Promise<AsyncDisposable> {
  const before = (await echo.service(cluster, name)).metadata.annotations ?? {};
  await cluster.kube.merge(kinds.service, echo.namespace, name, { metadata: { annotations: changes } });
  return {
    async [Symbol.asyncDispose]() {
      const back = Object.fromEntries(Object.keys(changes).map((key) => [key, before[key] ?? null]));
      await cluster.kube.merge(kinds.service, echo.namespace, name, { metadata: { annotations: back } });
      if (run.fault === undefined) {
        for (const c of mesh.clusters) {
          await waitUntilServedBy(
            c,
            { echo, service: name, by: mesh.clusters },
            {
              withinMs: budgets.syncMs,
              signal: AbortSignal.timeout(budgets.syncMs + 5000),
            },
          );
        }
      }
      await eventually(
        async () =>
          (await echo.service(cluster, name)).metadata.annotations?.[annotation.global] ===
          before[annotation.global]
            ? ready(undefined)
            : notYet("not restored"),
        {
          what: `the annotations of ${name} in ${cluster.name} to be restored`,
          withinMs: preparedWithinMs,
          signal: AbortSignal.timeout(preparedWithinMs),
        },
      );
    },
  };
}
