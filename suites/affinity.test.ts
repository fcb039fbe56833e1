// Goal: affinity decides which cluster's backends serve, and the other side takes over when there are none.
// Method: services with affinity local, remote and none over the same backends; then one side's backends are gone.
import { judgeShares } from "#harness/check/shares.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { answersToSeeAll } from "#harness/core/stats.ts";
import { scaleToZero } from "#harness/fault/scale.ts";
import {
  agnhostImage,
  budgets,
  expect,
  forEachPair,
  keepFacts,
  mesh,
  setUp,
  test,
  unsupported,
} from "#harness/fixtures.ts";
import { drawAnswers, settledOn } from "#harness/mesh/draw.ts";
import { annotation } from "#harness/mesh/echo.ts";
import { EchoBackends } from "#harness/mesh/echo-service.ts";
import { backendsHeld } from "#harness/observe/backends.ts";

/** `none` is the annotation left out; the guide's literal value "none" has a test of its own. */
const affinities = ["local", "remote", "none"] as const;
const literalNone = "echo-literal-none";
type Affinity = (typeof affinities)[number];

/** Whose backends must serve a client of `from` (Cilium's "Service Affinity" guide). */
function homesOf(affinity: Affinity, from: Cluster, to: Cluster): Cluster[] {
  return affinity === "local" ? [from] : affinity === "remote" ? [to] : [from, to];
}

const suite = setUp("affinity", async ({ namespace, signal }) => {
  const echo = await EchoBackends.deploy(mesh.clusters, {
    namespace,
    image: agnhostImage,
    replicas: 1,
    withinMs: budgets.settleMs,
    signal,
  });
  for (const affinity of affinities) {
    await echo.serve(`echo-${affinity}`, {
      [annotation.global]: "true",
      ...(affinity === "none" ? {} : { [annotation.affinity]: affinity }),
    });
  }
  await echo.serve(literalNone, { [annotation.global]: "true", [annotation.affinity]: "none" });
  for (const from of mesh.clusters) {
    const to = mesh.clusters.find((c) => c !== from)!;
    for (const affinity of affinities) {
      await settledOn(from, echo, `echo-${affinity}`, homesOf(affinity, from, to), {
        withinMs: budgets.settleMs,
        signal,
      });
    }
  }
  return { echo };
});

forEachPair((from, to) => {
  for (const affinity of affinities) {
    test(`affinity ${affinity}: ${from.name}'s clients are served by ${homesOf(affinity, from, to)
      .map((c) => c.name)
      .join(" and ")}`, async (context) => {
      const { echo } = suite();
      const expected = await echo.allPods(homesOf(affinity, from, to));
      const count = 2 * answersToSeeAll(2, budgets.falseAlarm);
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
    const count = 2 * answersToSeeAll(2, budgets.falseAlarm);
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
    expect(served).toEqual([from.name, to.name].sort());
  });

  test(`with no backend in ${from.name}, ${to.name} serves everyone; then all is as before`, async (context) => {
    const { echo } = suite();
    const within = { withinMs: budgets.syncMs, signal: context.signal };
    await using _whole = everyBackendKnown(echo);
    await using gone = await scaleToZero(
      { mesh, namespace: echo.namespace, signal: context.signal },
      from.kube,
      echo.deploymentOf(from),
    );
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
        mesh.clusters.map((c) => backendsHeld(c, echo, "echo-none", mesh.clusters, options)),
      ).catch(() => {});
    },
  };
}
