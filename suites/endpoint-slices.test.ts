// Goal: the API server of each cluster has the other clusters' endpoints of services that ask for it, and DNS tells them.
// Method: a headless global service, and one with `service.cilium.io/global-sync-endpoint-slices`: the EndpointSlices
// that Cilium's operator mirrors against the other cluster's own; the A records that a pod is given.

import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { judgeSameSet } from "#harness/judge/sets.ts";
import { mirroredEndpoints } from "#harness/kube/endpoint-slices.ts";
import { kinds } from "#harness/kube/kube.ts";
import { combine } from "#harness/model/verdict.ts";
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
import { echoService } from "#harness/workloads/echo.ts";
import { resolveFrom, vantagesOf } from "#harness/workloads/vantage.ts";

const services = {
  headless: "echo-headless",
  synchronised: "echo-synchronised",
  plain: "echo-plain",
} as const;

const suite = setUp("endpoint-slices", async (context) => {
  const { namespace } = context;
  const echo = await deployEcho(context, { replicas: 2 });
  const global = { [annotation.global]: "true" };
  for (const cluster of mesh.clusters) {
    const own = { namespace, selector: { app: echo.deploymentOf(cluster) } };
    const headless = echoService({ ...own, name: services.headless, annotations: global });
    headless.spec.clusterIP = "None";
    await cluster.kube.apply(headless);
  }
  await echo.serve(services.synchronised, { ...global, [annotation.syncEndpointSlices]: "true" });
  await echo.serve(services.plain, global);
  const synchronises = new Map<string, boolean>();
  for (const c of mesh.clusters)
    synchronises.set(c.name, (await c.setting("clustermesh-enable-endpoint-sync")) === "true");
  return { echo, synchronises };
});

const withinSync = (what: string, signal: AbortSignal) => ({
  what,
  withinMs: budgets.syncMs,
  everyMs: 500,
  signal,
});

forEachPair((from, to) => {
  const addresses = async (cluster: Cluster, name: string): Promise<string[]> =>
    (await suite().echo.endpoints(cluster, name)).map((e) => e.replace(/:.*$/, ""));

  const mirrored = async (name: string): Promise<string[]> =>
    mirroredEndpoints(
      await from.kube.list(kinds.endpointSlice, suite().echo.namespace, `kubernetes.io/service-name=${name}`),
      to.name,
    ).flatMap((e) => e.addresses);

  test(`${from.name} mirrors the EndpointSlices of ${to.name}, of the services that ask for it alone`, async (context) => {
    const { synchronises } = suite();
    if (synchronises.get(from.name) !== true)
      unsupported(context, "EndpointSlice synchronisation: clustermesh-enable-endpoint-sync is off");
    const verdict = await judgedInTime(
      async () =>
        combine(
          await Promise.all(
            [services.headless, services.synchronised].map(async (name) =>
              judgeSameSet(
                `${from.name}: EndpointSlices of ${name} mirrored from ${to.name}`,
                await mirrored(name),
                await addresses(to, name),
              ),
            ),
          ),
        ),
      withinSync(`the EndpointSlices of ${to.name} in ${from.name}`, context.signal),
    );
    expect(verdict).toPass();
    expect(await mirrored(services.plain), `mirrored slices of ${services.plain}`).toEqual([]);
  });

  test(`in ${from.name} a headless global service resolves to the pods of ${to.name} too`, async (context) => {
    const { echo, synchronises } = suite();
    if (synchronises.get(from.name) !== true)
      unsupported(context, "EndpointSlice synchronisation: clustermesh-enable-endpoint-sync is off");
    const [vantage] = await vantagesOf(from.kube);
    const name = `${services.headless}.${echo.namespace}.svc.cluster.local`;
    const verdict = await judgedInTime(
      async () => {
        const expected = (
          await Promise.all(mesh.clusters.map((c) => addresses(c, services.headless)))
        ).flat();
        return judgeSameSet(
          `CoreDNS of ${from.name}: A records of ${name}`,
          await resolveFrom(from.kube, vantage!, name, context.signal),
          expected,
        );
      },
      withinSync(`${name} to resolve in ${from.name}`, context.signal),
    );
    keepFacts(context, { name });
    expect(verdict).toPass();
  });
});
