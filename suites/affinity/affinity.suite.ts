import type { Cluster } from "#harness/cluster/cluster.ts";
import { scaleToZero } from "#harness/faults/catalogue/scale.ts";
import { type Affinity, affinities } from "#harness/model/measurement.ts";
import { passed, type Verdict } from "#harness/model/verdict.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { judgeServedOnly, judgeWithdrawal, type ServedFlow, servedFlows } from "#harness/testkit/absence.ts";
import { bothWays } from "#harness/testkit/both-ways.ts";
import { type ClusterPair, defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn, type SuiteFixtures } from "#harness/testkit/fixture-types.ts";
import { judgeSharesInTime } from "#harness/testkit/shares-in-time.ts";
import { namesOf, servingClusters } from "#harness/workloads/affinity.ts";
import { backendsHeld } from "#harness/workloads/backends.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import { waitUntilEachServedBy } from "#harness/workloads/sampling.ts";
import { settledInTime } from "#harness/workloads/settled.ts";

/** For `none` the annotation is omitted; the guide's literal value "none" has a separate test. */
const literalNone = "echo-literal-none";
const spec = "https://docs.cilium.io/en/v1.19/network/clustermesh/affinity/";

export default defineSuite(
  {
    name: "affinity",
    tags: ["core", "services"],
    when: "core",
    order: 6,
    goal: "Affinity selects the cluster whose backends serve, and the other cluster takes over when it has none.",
    method:
      "Serves the same backends through services with affinity local, remote and none, then removes one cluster's backends.",
    failureMeans:
      "The choice of backends: an agent's service table or BPF map, or the data it received from the kvstore.",
    echo: { replicas: 1, patient: true },
    setup: async ({ mesh, echo, within }) => {
      for (const affinity of affinities) {
        await echo.serve(`echo-${affinity}`, {
          [annotation.global]: "true",
          ...(affinity === "none" ? {} : { [annotation.affinity]: affinity }),
        });
      }
      await echo.serve(literalNone, { [annotation.global]: "true", [annotation.affinity]: "none" });
      await settledInTime([
        waitUntilEachServedBy(
          echo,
          mesh.clusters.flatMap((from) =>
            affinities.map((affinity) => {
              const by = servingClusters(affinity, from, mesh.clusters);
              return { from, service: `echo-${affinity}`, by };
            }),
          ),
          within.settle,
        ),
      ]);
    },
  },
  ({ clusters, pairs, test }) => {
    // Nothing changes, so both ways are tested at once. With no affinity every backend serves.
    const servedAlone: Readonly<Record<Affinity, (kit: Kit, pair: ClusterPair) => Promise<Verdict>>> = {
      local: bothWays(pairs, (kit, pair) => alone(kit, pair, ["local", "remote"])),
      remote: bothWays(pairs, (kit, pair) => alone(kit, pair, ["remote", "local"])),
      none: async () => passed,
    };
    for (const pair of pairs) {
      const { from } = pair;
      const others = clusters.filter((c) => c !== from);

      for (const affinity of affinities) {
        // Names begin with `from`, so that both orders of two clusters have the same form.
        const expectedClusters = servingClusters(affinity, from, [from, ...others]);
        test(`${pair.name} > affinity ${affinity}: ${from.name}'s clients are served by ${namesOf(expectedClusters)}`, {
          spec,
        }, async ({ mesh, echo, budgets, within, keepFacts, expect }) => {
          const client = mesh.cluster(from.name);
          const service = `echo-${affinity}`;
          const serving = expectedClusters.map((c) => mesh.cluster(c.name));
          const ip = await echo.clusterIp(client, service);
          const { verdict, answers } = await judgeSharesInTime(
            { from: client, service, ip, expected: () => echo.expectedBackends(serving) },
            { budgets, within },
          );
          keepFacts({ answers });
          expect(verdict).toPass();
          expect(await servedAlone[affinity]({ mesh, echo, budgets, within }, pair)).toPass();
        });
      }

      test(`${pair.name} > the literal value "none" from ${from.name} means no affinity`, {
        spec,
      }, async ({ mesh, echo, budgets, within, keepFacts, expect }) => {
        const client = mesh.cluster(from.name);
        const ip = await echo.clusterIp(client, literalNone);
        // No set-up waits for this service: a Cilium that ignores the value must fail this test alone.
        const { verdict, answers } = await judgeSharesInTime(
          { from: client, service: literalNone, ip, expected: () => echo.expectedBackends(mesh.clusters) },
          { budgets, within },
        );
        keepFacts({ answers });
        expect(verdict).toPass();
      });

      test(`${pair.name} > with no backend in ${from.name}, ${namesOf(others)} serves everyone; then all is as before`, {
        spec,
      }, async ({ mesh, echo, budgets, within, signal, expect }) => {
        const { from, to } = pairIn(mesh, pair);
        await using _whole = everyBackendKnown({ mesh, echo, budgets });
        await using stopped = new AsyncDisposableStack();
        const remaining = mesh.clusters.filter((c) => c !== from);
        const served = (having: readonly Cluster[]): Promise<void> =>
          waitUntilEachServedBy(
            echo,
            [from, to].flatMap((client) =>
              affinities.map((affinity) => ({
                from: client,
                service: `echo-${affinity}`,
                by: servingClusters(affinity, client, having),
              })),
            ),
            within.sync,
          );
        const verdict = await judgeWithdrawal(
          await flowsServedBy(from, { echo, to, remaining }),
          {
            withdraw: async () => {
              const context = { mesh, namespace: echo.namespace, signal };
              stopped.use(await scaleToZero(context, from.kube, echo.deploymentOf(from)));
              await served(remaining);
            },
            restore: async () => {
              await stopped.disposeAsync();
              await echo.awaitReady(from, budgets.settleMs, signal);
              await served(mesh.clusters);
            },
          },
          { timeoutMs: budgets.requestMs, within: within.sync },
        );
        expect(verdict).toPass();
      });
    }
  },
);

type Kit = Pick<SuiteFixtures, "mesh" | "echo" | "budgets" | "within">;

/** Whether nobody but the clusters of an affinity serves a cluster's clients; those of the opposite one do elsewhere. */
function alone(
  { mesh, echo, budgets, within }: Kit,
  pair: ClusterPair,
  [affinity, opposite]: readonly [Affinity, Affinity],
): Promise<Verdict> {
  const { from: client } = pairIn(mesh, pair);
  const by = (of: Affinity): readonly Cluster[] => servingClusters(of, client, mesh.clusters);
  return judgeServedOnly(
    {
      ...{ echo, client, service: `echo-${affinity}`, by: by(affinity) },
      control: { service: `echo-${opposite}`, by: by(opposite) },
    },
    { timeoutMs: budgets.requestMs, within: within.sync },
  );
}

/** The flows to services whose clients the backends of `from` serve, from one node of each of the two clusters. */
async function flowsServedBy(
  from: Cluster,
  { echo, to, remaining }: { echo: EchoBackends; to: Cluster; remaining: readonly Cluster[] },
): Promise<ServedFlow[]> {
  const flows = (client: Cluster, affinity: Affinity): Promise<ServedFlow[]> =>
    servedFlows({ echo, client, service: `echo-${affinity}`, of: [from], remaining, nodes: 1 });
  const all = [flows(from, "local"), flows(from, "none"), flows(to, "remote"), flows(to, "none")];
  return (await Promise.all(all)).flat();
}

/**
 * However the test ends, every agent knows every backend again before the next one. Checked in the BPF maps, because
 * under a fault answers may be missing; if a fault removes backends permanently, the wait times out and the next test
 * reports it.
 */
function everyBackendKnown({
  mesh,
  echo,
  budgets,
}: Pick<SuiteFixtures, "mesh" | "echo" | "budgets">): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      const options = { withinMs: budgets.syncMs, signal: AbortSignal.timeout(budgets.syncMs) };
      await Promise.all(
        mesh.clusters.map((c) =>
          backendsHeld(c, { echo, name: "echo-none", expectedClusters: mesh.clusters }, options),
        ),
      ).catch(() => {});
    },
  };
}
