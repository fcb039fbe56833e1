import { isIPv4 } from "node:net";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgeSrv } from "#harness/judge/mcs.ts";
import { judgeSameSet } from "#harness/judge/sets.ts";
import { ownEndpoints } from "#harness/kube/endpoint-slices.ts";
import { kinds } from "#harness/kube/kube.ts";
import { combine, failedBecause } from "#harness/model/verdict.ts";
import { pairIn } from "#harness/testkit/fixture-types.ts";
import { echoHttpPort } from "#harness/workloads/echo.ts";
import { addressesOf, clustersetName } from "#harness/workloads/mcs.ts";
import { oneVantageOf, resolveFrom, resolveSrvFrom } from "#harness/workloads/vantage.ts";
import { inEvery, judgeImport, type PointsOf, section, stateful } from "./points.ts";

const spec = section("dns");

const lookUp = async ({ kube }: Cluster, name: string, signal: AbortSignal): Promise<string[]> =>
  resolveFrom(kube, await oneVantageOf(kube), name, signal);

const lookUpSrv = async ({ kube }: Cluster, name: string, signal: AbortSignal) =>
  resolveSrvFrom(kube, await oneVantageOf(kube), name, signal);

interface NamedEndpoint {
  readonly address: string;
  readonly hostname: string | undefined;
}

/** The endpoints of a cluster's own service, of every address family. */
async function endpointsOf(
  { kube }: Cluster,
  namespace: string,
  service: string,
): Promise<readonly NamedEndpoint[]> {
  const slices = await kube.list(kinds.endpointSlice, namespace, `kubernetes.io/service-name=${service}`);
  return ownEndpoints(slices).flatMap((e) =>
    e.addresses.map((address) => ({ address, hostname: e.hostname })),
  );
}

/** Those that A records have. */
const ofIpv4 = (endpoints: readonly NamedEndpoint[]): NamedEndpoint[] =>
  endpoints.filter((e) => isIPv4(e.address));

/** The name that CoreDNS gives an address without a host name. */
const dashed = (address: string): string => address.replaceAll(/[.:]/g, "-");

/** Names of a ClusterIP service. */
export function clusterIpNames({ pair, test }: PointsOf): void {
  const requires = ["clustersetDns"] as const;
  const service = "mcs-plain";

  test(`${pair.name} > optional: the clusterset name of a ClusterIP service is that of its import's address`, {
    requires,
    spec,
  }, async ({ mesh, namespace, within, signal, expect }) => {
    const name = clustersetName(namespace, service);
    const verdict = await inEvery({ mesh, within }, `${name} to resolve`, async (c) => {
      const found = await lookUp(c, name, signal);
      return judgeImport(c, { namespace, name: service }, (_, i) =>
        judgeSameSet(`CoreDNS of ${c.name}: A records of ${name}`, found, addressesOf(i).filter(isIPv4)),
      );
    });
    expect(verdict).toPass();
  });

  test(`${pair.name} > optional: the SRV record of a ClusterIP service has its port`, {
    requires,
    spec,
  }, async ({ mesh, namespace, within, signal, expect }) => {
    const name = clustersetName(namespace, service);
    const verdict = await inEvery({ mesh, within }, `SRV of ${name} to resolve`, async (c) =>
      judgeSrv(`CoreDNS of ${c.name}: SRV of ${name}`, await lookUpSrv(c, name, signal), [
        { name, port: 80 },
      ]),
    );
    expect(verdict).toPass();
  });

  test(`${pair.name} > optional: a name under cluster.local is that of a cluster's own service only`, {
    spec,
  }, async ({ mesh, namespace, within, signal, expect }) => {
    const { from } = pairIn(mesh, pair);
    const name = `${service}.${namespace}.svc.cluster.local`;
    const own = await from.kube.get(kinds.service, namespace, service);
    const verdict = await inEvery({ mesh, within }, `${name} to resolve`, async (c) => {
      const found = await lookUp(c, name, signal);
      const what = `CoreDNS of ${c.name}: A records of ${name}`;
      if (c === from) return judgeSameSet(what, found, [String(own?.spec?.clusterIP)]);
      // Otherwise a resolver that answers nothing would pass.
      const control = await lookUp(c, "kubernetes.default.svc.cluster.local", signal);
      return failedBecause([
        ...(found.length === 0 ? [] : [`${what}: should not have ${found.join(", ")}`]),
        ...(control.length > 0 ? [] : [`CoreDNS of ${c.name} does not know kubernetes.default either`]),
      ]);
    });
    expect(verdict).toPass();
  });
}

/** Names of headless services. They need the other clusters' EndpointSlices. */
export function headlessNames({ pair, test }: PointsOf): void {
  const requires = ["clustersetDns", "endpointSliceSync"] as const;
  const service = "mcs-headless";

  test(`${pair.name} > optional: the clusterset name of a headless service is that of its ready pods`, {
    requires,
    spec,
  }, async ({ mesh, namespace, within, signal, keepFacts, expect }) => {
    const { from } = pairIn(mesh, pair);
    const name = clustersetName(namespace, service);
    const verdict = await inEvery({ mesh, within }, `${name} to resolve`, async (c) => {
      const expected = ofIpv4(await endpointsOf(from, namespace, service)).map((e) => e.address);
      keepFacts({ name, pods: expected.length });
      return judgeSameSet(
        `CoreDNS of ${c.name}: A records of ${name}`,
        await lookUp(c, name, signal),
        expected,
      );
    });
    expect(verdict).toPass();
  });

  test(`${pair.name} > optional: the host name of a pod of a headless service is that of this pod`, {
    requires,
    spec,
  }, async ({ mesh, namespace, within, signal, expect }) => {
    const { from } = pairIn(mesh, pair);
    const verdict = await inEvery({ mesh, within }, "the host names to resolve", async (c) => {
      const pods = ofIpv4(await endpointsOf(from, namespace, stateful));
      if (pods.length < 2 || pods.some((p) => p.hostname === undefined))
        return failedBecause([`${from.name} has no two pods of ${stateful} with a host name yet`]);
      return combine(
        await Promise.all(
          pods.map(async ({ address, hostname }) => {
            const name = `${hostname}.${from.name}.${clustersetName(namespace, stateful)}`;
            return judgeSameSet(`CoreDNS of ${c.name}: A records of ${name}`, await lookUp(c, name, signal), [
              address,
            ]);
          }),
        ),
      );
    });
    expect(verdict).toPass();
  });

  test(`${pair.name} > optional: the SRV records of a headless service have each ready pod and its port`, {
    requires,
    spec,
  }, async ({ mesh, namespace, within, signal, expect }) => {
    const { from } = pairIn(mesh, pair);
    const name = clustersetName(namespace, service);
    const verdict = await inEvery({ mesh, within }, `SRV of ${name} to resolve`, async (c) =>
      judgeSrv(
        `CoreDNS of ${c.name}: SRV of ${name}`,
        await lookUpSrv(c, name, signal),
        (await endpointsOf(from, namespace, service)).map((e) => ({
          name: `${e.hostname ?? dashed(e.address)}.`,
          port: echoHttpPort,
        })),
      ),
    );
    expect(verdict).toPass();
  });
}
