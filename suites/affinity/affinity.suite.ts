import type { Cluster } from "#harness/cluster/cluster.ts";
import { scaleToZero } from "#harness/faults/catalogue/scale.ts";
import { judgeShares } from "#harness/judge/shares.ts";
import { answersToSeeAll } from "#harness/lib/stats.ts";
import { affinities } from "#harness/model/measurement.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn, type SuiteFixtures } from "#harness/testkit/fixture-types.ts";
import { namesOf, servingClusters } from "#harness/workloads/affinity.ts";
import { backendsHeld } from "#harness/workloads/backends.ts";
import { sampleBackends, waitUntilServedBy } from "#harness/workloads/sampling.ts";

/** `none` is the annotation left out; the guide's literal value "none" has a test of its own. */
const literalNone = "echo-literal-none";
const spec = "https://docs.cilium.io/en/v1.19/network/clustermesh/affinity/";

export default defineSuite(
  {
    name: "affinity",
    tags: ["core", "services"],
    when: "core",
    order: 6,
    goal: "affinity decides which cluster's backends serve, and the other side takes over when there are none.",
    method:
      "services with affinity local, remote and none over the same backends; then one side's backends are gone.",
    failureMeans: "the choice of backends: an agent's service table or BPF map, or what the kvstore told it.",
    echo: { replicas: 1 },
    setup: async ({ mesh, echo, within }) => {
      for (const affinity of affinities) {
        await echo.serve(`echo-${affinity}`, {
          [annotation.global]: "true",
          ...(affinity === "none" ? {} : { [annotation.affinity]: affinity }),
        });
      }
      await echo.serve(literalNone, { [annotation.global]: "true", [annotation.affinity]: "none" });
      for (const from of mesh.clusters) {
        for (const affinity of affinities) {
          const expectedClusters = servingClusters(affinity, from, mesh.clusters);
          await waitUntilServedBy(
            from,
            { echo, service: `echo-${affinity}`, by: expectedClusters },
            within.settle,
          );
        }
      }
    },
  },
  ({ clusters, pairs, test }) => {
    for (const pair of pairs) {
      const { from } = pair;
      const others = clusters.filter((c) => c !== from);

      for (const affinity of affinities) {
        // Named from `from` on: both orders of two clusters read alike.
        const expectedClusters = servingClusters(affinity, from, [from, ...others]);
        test(`${pair.name} > affinity ${affinity}: ${from.name}'s clients are served by ${namesOf(expectedClusters)}`, {
          spec,
        }, async ({ mesh, echo, budgets, signal, keepFacts, expect }) => {
          const client = mesh.cluster(from.name);
          const expected = await echo.allPods(expectedClusters.map((c) => mesh.cluster(c.name)));
          const count = 2 * answersToSeeAll(mesh.clusters.length, budgets.falseAlarm);
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
      }, async ({ mesh, echo, budgets, signal, keepFacts, unsupported, expect }) => {
        const client = mesh.cluster(from.name);
        const count = 2 * answersToSeeAll(mesh.clusters.length, budgets.falseAlarm);
        const ip = await echo.clusterIp(client, literalNone);
        const answers = await sampleBackends(client, { ip }, { count, timeoutMs: budgets.requestMs, signal });
        expect(answers.bad, `requests from ${from.name} that were not answered`).toEqual([]);
        const served = [...new Set(answers.good.map((pod) => echo.clusterOf(pod) ?? pod))].sort();
        keepFacts({ servedBy: served.join(", ") });
        // Only the answers tell: no setting and no version does.
        if (served.length === 1 && served[0] === from.name)
          unsupported(
            'affinity "none" as a literal value',
            "this Cilium treats it as local, against its own guide; leave the annotation out",
          );
        expect(served).toEqual(mesh.clusters.map((c) => c.name).sort());
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
 * Whatever ends the test: the next one begins with every agent knowing every backend again. By the BPF maps, for under a
 * fault no answer tells; under one that takes backends away for good this waits in vain, and the next test says so.
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
