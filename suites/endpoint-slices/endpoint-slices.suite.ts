import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { judgeSameSet } from "#harness/judge/sets.ts";
import { mirroredEndpoints } from "#harness/kube/endpoint-slices.ts";
import { kinds } from "#harness/kube/kube.ts";
import { combine } from "#harness/model/verdict.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn } from "#harness/testkit/fixture-types.ts";
import { echoService } from "#harness/workloads/echo.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import { oneVantageOf, resolveFrom } from "#harness/workloads/vantage.ts";

const services = {
  headless: "echo-headless",
  synchronised: "echo-synchronised",
  plain: "echo-plain",
} as const;
const spec = "https://docs.cilium.io/en/v1.19/network/clustermesh/services/";

const addresses = async (echo: EchoBackends, cluster: Cluster, name: string): Promise<string[]> =>
  (await echo.endpoints(cluster, name)).map((e) => e.replace(/:.*$/, ""));

/** The addresses of a service's EndpointSlices in `from` that were mirrored from `to`. */
const mirrored = async (echo: EchoBackends, from: Cluster, to: Cluster, name: string): Promise<string[]> =>
  mirroredEndpoints(
    await from.kube.list(kinds.endpointSlice, echo.namespace, `kubernetes.io/service-name=${name}`),
    to.name,
  ).flatMap((e) => e.addresses);

export default defineSuite(
  {
    name: "endpoint-slices",
    tags: ["lab-specific", "services"],
    when: "lab",
    order: 1,
    goal: "Each cluster's API server has the other clusters' endpoints of services that request it, and DNS resolves to them.",
    method:
      "Creates a headless global service, and one with `service.cilium.io/global-sync-endpoint-slices`; compares the EndpointSlices that Cilium's operator mirrors with those of the other cluster, and checks the A records that a pod receives.",
    failureMeans: "Cilium's operator, which mirrors EndpointSlices, or CoreDNS, which reads them.",
    echo: { replicas: 2, patient: true },
    setup: async ({ mesh, echo, namespace }) => {
      const global = { [annotation.global]: "true" };
      for (const cluster of mesh.clusters) {
        const own = { namespace, selector: { app: echo.deploymentOf(cluster) } };
        const headless = echoService({ ...own, name: services.headless, annotations: global });
        headless.spec.clusterIP = "None";
        await cluster.kube.apply(headless);
      }
      await echo.serve(services.synchronised, { ...global, [annotation.syncEndpointSlices]: "true" });
      await echo.serve(services.plain, global);
    },
  },
  ({ pairs, test }) => {
    for (const pair of pairs) {
      const { from, to } = pair;
      const requires = [{ capability: "endpointSliceSync", cluster: from.name }] as const;

      test(`${pair.name} > ${from.name} mirrors the EndpointSlices of ${to.name}, of the services that ask for it alone`, {
        requires,
        spec,
      }, async ({ mesh, echo, within, expect }) => {
        const { from, to } = pairIn(mesh, pair);
        const verdict = await judgedInTime(
          async () =>
            combine(
              await Promise.all(
                [services.headless, services.synchronised].map(async (name) =>
                  judgeSameSet(
                    `${from.name}: EndpointSlices of ${name} mirrored from ${to.name}`,
                    await mirrored(echo, from, to, name),
                    await addresses(echo, to, name),
                  ),
                ),
              ),
            ),
          { what: `the EndpointSlices of ${to.name} in ${from.name}`, everyMs: 500, ...within.sync },
        );
        expect(verdict).toPass();
        expect(
          await mirrored(echo, from, to, services.plain),
          `mirrored slices of ${services.plain}`,
        ).toEqual([]);
      });

      test(`${pair.name} > in ${from.name} a headless global service resolves to the pods of ${to.name} too`, {
        requires,
        spec,
      }, async ({ mesh, echo, within, signal, keepFacts, expect }) => {
        const { from } = pairIn(mesh, pair);
        const vantage = await oneVantageOf(from.kube);
        const name = `${services.headless}.${echo.namespace}.svc.cluster.local`;
        const verdict = await judgedInTime(
          async () => {
            const expected = await Promise.all(
              mesh.clusters.map((c) => addresses(echo, c, services.headless)),
            );
            return judgeSameSet(
              `CoreDNS of ${from.name}: A records of ${name}`,
              await resolveFrom(from.kube, vantage, name, signal),
              expected.flat(),
            );
          },
          { what: `${name} to resolve in ${from.name}`, everyMs: 500, ...within.sync },
        );
        keepFacts({ name });
        expect(verdict).toPass();
      });
    }
  },
);
