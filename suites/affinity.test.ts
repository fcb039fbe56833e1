// Goal: affinity decides which cluster's backends serve, and the other side takes over when there are none.
// Method: services with affinity local, remote and none over the same backends; then one side's backends are gone.
import { judgeShares } from "#harness/check/shares.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { answersToSeeAll } from "#harness/core/stats.ts";
import { agnhostImage, budgets, expect, forEachPair, keepFacts, mesh, setUp, test } from "#harness/fixtures.ts";
import { scaleToZero } from "#harness/fault/objects.ts";
import { annotation } from "#harness/mesh/echo.ts";
import { drawAnswers, settledOn } from "#harness/mesh/draw.ts";
import { EchoBackends } from "#harness/mesh/echo-service.ts";

const affinities = ["local", "remote", "none"] as const;
type Affinity = (typeof affinities)[number];

/** Whose backends must serve a client of `from` (Cilium's "Service Affinity" guide). */
function homesOf(affinity: Affinity, from: Cluster, to: Cluster): Cluster[] {
  return affinity === "local" ? [from] : affinity === "remote" ? [to] : [from, to];
}

const suite = setUp("affinity", async ({ namespace, signal }) => {
  const echo = await EchoBackends.deploy(mesh.clusters, { namespace, image: agnhostImage, replicas: 1, withinMs: budgets.settleMs, signal });
  for (const affinity of affinities) {
    await echo.serve(`echo-${affinity}`, { [annotation.global]: "true", [annotation.affinity]: affinity });
  }
  for (const from of mesh.clusters) {
    const to = mesh.clusters.find((c) => c !== from)!;
    for (const affinity of affinities) {
      await settledOn(from, echo, `echo-${affinity}`, homesOf(affinity, from, to), { withinMs: budgets.settleMs, signal });
    }
  }
  return { echo };
});

forEachPair((from, to) => {
  for (const affinity of affinities) {
    test(`affinity ${affinity}: ${from.name}'s clients are served by ${homesOf(affinity, from, to).map((c) => c.name).join(" and ")}`, async (context) => {
      const { echo } = suite();
      const expected = (await Promise.all(homesOf(affinity, from, to).map((c) => echo.pods(c)))).flat();
      const count = 2 * answersToSeeAll(2, budgets.falseAlarm);
      const answers = await drawAnswers(from, await echo.clusterIp(from, `echo-${affinity}`), count, budgets.requestMs, context.signal);
      keepFacts(context, { answers: answers.good.length });
      expect(answers.bad, `requests from ${from.name} that were not answered`).toEqual([]);
      expect(judgeShares(`${from.name} -> service echo-${affinity}`, answers.good, expected, budgets.falseAlarm)).toPass();
    });
  }

  test(`with no backend in ${from.name}, ${to.name} serves everyone; then all is as before`, async (context) => {
    const { echo } = suite();
    const within = { withinMs: budgets.syncMs, signal: context.signal };
    await using gone = await scaleToZero(from.kube, echo.namespace, echo.deploymentOf(from), { withinMs: budgets.settleMs, signal: context.signal });
    for (const affinity of affinities) {
      await settledOn(from, echo, `echo-${affinity}`, [to], within);
      await settledOn(to, echo, `echo-${affinity}`, [to], within);
    }
    await gone.heal();
    for (const affinity of affinities) {
      await settledOn(from, echo, `echo-${affinity}`, homesOf(affinity, from, to), within);
      await settledOn(to, echo, `echo-${affinity}`, homesOf(affinity, to, from), within);
    }
  });
});
