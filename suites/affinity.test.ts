// Goal: affinity decides which cluster's backends serve, and the other side takes over when there are none.
// Method: services with affinity local, remote and none over the same backends; then one side's backends are gone.

import { scaleToZero } from "#harness/faults/catalogue/scale.ts";
import { judgeShares } from "#harness/judge/shares.ts";
import { answersToSeeAll } from "#harness/lib/stats.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import {
  budgets,
  deployEcho,
  expect,
  forEachPair,
  keepFacts,
  mesh,
  setUp,
  test,
  unsupported,
} from "#harness/testkit/fixtures.ts";
import { namesOf, servingClusters } from "#harness/workloads/affinity.ts";
import { backendsHeld } from "#harness/workloads/backends.ts";
import { drawAnswers, settledOn } from "#harness/workloads/draw.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";

/** `none` is the annotation left out; the guide's literal value "none" has a test of its own. */
const affinities = ["local", "remote", "none"] as const;
const literalNone = "echo-literal-none";

const suite = setUp("affinity", async (context) => {
  const { signal } = context;
  const echo = await deployEcho(context, { replicas: 1 });
  for (const affinity of affinities) {
    await echo.serve(`echo-${affinity}`, {
      [annotation.global]: "true",
      ...(affinity === "none" ? {} : { [annotation.affinity]: affinity }),
    });
  }
  await echo.serve(literalNone, { [annotation.global]: "true", [annotation.affinity]: "none" });
  for (const from of mesh.clusters) {
    for (const affinity of affinities) {
      await settledOn(from, echo, `echo-${affinity}`, servingClusters(affinity, from, mesh.clusters), {
        withinMs: budgets.settleMs,
        signal,
      });
    }
  }
  return { echo };
});

forEachPair((from, to) => {
  const others = mesh.clusters.filter((c) => c !== from);

  for (const affinity of affinities) {
    // Named from `from` on: both orders of two clusters read alike.
    const homes = servingClusters(affinity, from, [from, ...others]);
    test(`affinity ${affinity}: ${from.name}'s clients are served by ${namesOf(homes)}`, async (context) => {
      const { echo } = suite();
      const expected = await echo.allPods(homes);
      const count = 2 * answersToSeeAll(mesh.clusters.length, budgets.falseAlarm);
      const answers = await drawAnswers(
        from,
        await echo.clusterIp(from, `echo-${affinity}`),
        count,
        budgets.requestMs,
        context.signal,
      );
      keepFacts(context, { answers: answers.good.length });
      expect(
        judgeShares(`${from.name} -> service echo-${affinity}`, answers, expected, budgets.falseAlarm),
      ).toPass();
    });
  }

  test(`the literal value "none" from ${from.name} means no affinity`, async (context) => {
    const { echo } = suite();
    const count = 2 * answersToSeeAll(mesh.clusters.length, budgets.falseAlarm);
    const answers = await drawAnswers(
      from,
      await echo.clusterIp(from, literalNone),
      count,
      budgets.requestMs,
      context.signal,
    );
    expect(answers.bad, `requests from ${from.name} that were not answered`).toEqual([]);
    const served = [...new Set(answers.good.map((pod) => echo.clusterOf(pod) ?? pod))].sort();
    keepFacts(context, { servedBy: served.join(", ") });
    if (served.length === 1 && served[0] === from.name) {
      unsupported(
        context,
        `affinity "none" as a literal value: this Cilium treats it as local, against its own guide; leave the annotation out`,
      );
    }
    expect(served).toEqual(mesh.clusters.map((c) => c.name).sort());
  });

  test(`with no backend in ${from.name}, ${namesOf(others)} serves everyone; then all is as before`, async (context) => {
    const { echo } = suite();
    const within = { withinMs: budgets.syncMs, signal: context.signal };
    await using _whole = everyBackendKnown(echo);
    await using gone = await scaleToZero(
      { mesh, namespace: echo.namespace, signal: context.signal },
      from.kube,
      echo.deploymentOf(from),
    );
    for (const affinity of affinities) {
      for (const client of [from, to])
        await settledOn(client, echo, `echo-${affinity}`, servingClusters(affinity, client, others), within);
    }
    await gone.heal();
    for (const affinity of affinities) {
      for (const client of [from, to])
        await settledOn(
          client,
          echo,
          `echo-${affinity}`,
          servingClusters(affinity, client, mesh.clusters),
          within,
        );
    }
  });
});

/**
 * Whatever ends the test: the next one begins with every agent knowing every backend again. By the BPF maps, for under a
 * fault no answer tells; under one that takes backends away for good this waits in vain, and the next test says so.
 */
function everyBackendKnown(echo: EchoBackends): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      const signal = AbortSignal.timeout(budgets.syncMs);
      const options = { withinMs: budgets.syncMs, signal };
      await Promise.all(
        mesh.clusters.map((c) => backendsHeld(c, { echo, name: "echo-none", homes: mesh.clusters }, options)),
      ).catch(() => {});
    },
  };
}
