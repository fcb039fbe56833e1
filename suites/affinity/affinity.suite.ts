import type { Cluster } from "#harness/cluster/cluster.ts";
import { scaleToZero } from "#harness/faults/catalogue/scale.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { judgeShares, requestsForShares } from "#harness/judge/shares.ts";
import { affinities } from "#harness/model/measurement.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn, type SuiteFixtures } from "#harness/testkit/fixture-types.ts";
import { namesOf, servingClusters } from "#harness/workloads/affinity.ts";
import { backendsHeld } from "#harness/workloads/backends.ts";
import { sampleBackends, waitUntilServedBy } from "#harness/workloads/sampling.ts";
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
    echo: { replicas: 1 },
    setup: async ({ mesh, echo, within }) => {
      for (const affinity of affinities) {
        await echo.serve(`echo-${affinity}`, {
          [annotation.global]: "true",
          ...(affinity === "none" ? {} : { [annotation.affinity]: affinity }),
        });
      }
      await echo.serve(literalNone, { [annotation.global]: "true", [annotation.affinity]: "none" });
      await settledInTime(
        mesh.clusters.flatMap((from) =>
          affinities.map((affinity) => {
            const by = servingClusters(affinity, from, mesh.clusters);
            return waitUntilServedBy(from, { echo, service: `echo-${affinity}`, by }, within.settle);
          }),
        ),
      );
    },
  },
  ({ clusters, pairs, test }) => {
    for (const pair of pairs) {
      const { from } = pair;
      const others = clusters.filter((c) => c !== from);

      for (const affinity of affinities) {
        // Names begin with `from`, so that both orders of two clusters have the same form.
        const expectedClusters = servingClusters(affinity, from, [from, ...others]);
        test(`${pair.name} > affinity ${affinity}: ${from.name}'s clients are served by ${namesOf(expectedClusters)}`, {
          spec,
        }, async ({ mesh, echo, budgets, signal, keepFacts, expect }) => {
          const client = mesh.cluster(from.name);
          const expected = await echo.expectedBackends(expectedClusters.map((c) => mesh.cluster(c.name)));
          const count = requestsForShares(expected, budgets.falseAlarm);
          const ip = await echo.clusterIp(client, `echo-${affinity}`);
          const answers = await sampleBackends(
            client,
            { ip },
            { count, timeoutMs: budgets.requestMs, signal },
          );
          keepFacts({ answers: answers.good.length });
          expect(
            judgeShares(`${from.name} -> service echo-${affinity}`, answers, expected, budgets.falseAlarm),
          ).toPass();
        });
      }

      test(`${pair.name} > the literal value "none" from ${from.name} means no affinity`, {
        spec,
      }, async ({ mesh, echo, budgets, within, signal, keepFacts, expect }) => {
        const client = mesh.cluster(from.name);
        const expected = await echo.expectedBackends(mesh.clusters);
        const count = requestsForShares(expected, budgets.falseAlarm);
        const ip = await echo.clusterIp(client, literalNone);
        // No set-up waits for this service: a Cilium that ignores the value must fail this test alone.
        const verdict = await judgedInTime(
          async () => {
            const answers = await sampleBackends(
              client,
              { ip },
              { count, timeoutMs: budgets.requestMs, signal },
            );
            keepFacts({ answers: answers.good.length });
            return judgeShares(
              `${from.name} -> service ${literalNone}`,
              answers,
              expected,
              budgets.falseAlarm,
            );
          },
          { what: `service ${literalNone} to be served by all clusters`, everyMs: 500, ...within.sync },
        );
        expect(verdict).toPass();
      });

      test(`${pair.name} > with no backend in ${from.name}, ${namesOf(others)} serves everyone; then all is as before`, {
        spec,
      }, async ({ mesh, echo, budgets, within, signal }) => {
        const { from, to } = pairIn(mesh, pair);
        await using _whole = everyBackendKnown({ mesh, echo, budgets });
        await using gone = await scaleToZero(
          { mesh, namespace: echo.namespace, signal },
          from.kube,
          echo.deploymentOf(from),
        );
        const served = async (having: readonly Cluster[]): Promise<void> => {
          for (const affinity of affinities) {
            for (const client of [from, to]) {
              const expectedClusters = servingClusters(affinity, client, having);
              await waitUntilServedBy(
                client,
                { echo, service: `echo-${affinity}`, by: expectedClusters },
                within.sync,
              );
            }
          }
        };
        await served(mesh.clusters.filter((c) => c !== from));
        await gone.heal();
        await served(mesh.clusters);
      });
    }
  },
);

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
