import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgeGone, judgeOnly } from "#harness/judge/absence.ts";
import { judgeSlices } from "#harness/judge/mcs.ts";
import { kinds } from "#harness/kube/kube.ts";
import { notYet, ready } from "#harness/lib/eventually.ts";
import { combine, failedBecause, type Verdict } from "#harness/model/verdict.ts";
import { judgeOpen, once } from "#harness/testkit/absence.ts";
import { judgeAnsweredBy } from "#harness/testkit/answered-by.ts";
import { atOnce } from "#harness/testkit/both-ways.ts";
import type { SuiteFixtures } from "#harness/testkit/fixture-types.ts";
import { pairIn } from "#harness/testkit/fixture-types.ts";
import { watchClosed, watchServed } from "#harness/testkit/watch.ts";
import { type Flow, flowName, serviceFlows } from "#harness/workloads/flows.ts";
import { addressesOf, clustersetName, exportOf, mcsSlices, sharedFamilies } from "#harness/workloads/mcs.ts";
import { everyVantageOf } from "#harness/workloads/vantage.ts";
import { inEvery, judgeImport, type PointsOf, section } from "./points.ts";

interface Request {
  readonly service: string;
  readonly port?: number;
  /** The clusters whose pods answer. */
  readonly by: readonly Cluster[];
}

type Kit = Pick<SuiteFixtures, "mesh" | "echo" | "namespace" | "budgets" | "within">;

/** From every cluster, by the address of its import: exactly the pods of `by` answer, and no request fails. */
function answered(kit: Kit, { service, port = 80, by }: Request, signal: AbortSignal): Promise<Verdict> {
  const { namespace, echo, budgets } = kit;
  return inEvery(kit, `${service} to be answered by ${by.map((c) => c.name).join(" and ")}`, async (c) => {
    const expected = await echo.allPods(by);
    const imported = await c.kube.get(kinds.serviceImport, namespace, service);
    const [ip] = imported === undefined ? [] : addressesOf(imported);
    const what = `${c.name} -> ${service}:${port}`;
    if (ip === undefined) return failedBecause([`${what}: no import with an address`]);
    return judgeAnsweredBy(c, { what, ip, port, pods: expected }, { timeoutMs: budgets.requestMs, signal });
  });
}

/**
 * The same, and in many requests over some time nobody else answers: once from a node of every cluster. The control is
 * the service of another cluster that has one of the same name: its pods do answer there.
 */
async function answeredOnly(
  kit: Kit,
  request: Request & { readonly control: Cluster },
  signal: AbortSignal,
): Promise<Verdict> {
  const { mesh, namespace, echo, budgets, within } = kit;
  const { service, port = 80, by, control } = request;
  const verdict = await answered(kit, request, signal);
  if (verdict.outcome !== "pass") return verdict;
  const flows = (
    await Promise.all(
      mesh.clusters.map(async (c) => {
        const imported = await c.kube.get(kinds.serviceImport, namespace, service);
        const [ip = ""] = imported === undefined ? [] : addressesOf(imported);
        return serviceFlows(c, (await everyVantageOf(c.kube)).slice(-1), { name: service, ip, http: port });
      }),
    )
  ).flat();
  const [first] = (await echo.service(control, service)).spec.ports as { port: number }[];
  const own = serviceFlows(control, (await everyVantageOf(control.kube)).slice(-1), {
    name: service,
    ip: await echo.clusterIp(control, service),
    http: first?.port ?? port,
  });
  const asking = { timeoutMs: budgets.requestMs, within: within.sync };
  const before = await judgeOpen(own, "its cluster's own service before", asking);
  const expected = await echo.allPods(by, within.sync);
  const { answers: during, troubles } = await watchServed(flows, echo, asking);
  const after = await judgeOpen(own, "its cluster's own service after", asking);
  const judged = combine([
    before,
    ...flows.map((f, i) => judgeOnly(flowName(f), during[i] ?? [], { expected, troubles })),
    after,
  ]);
  return once(judged);
}

/** From one node of every cluster to a name. The dot at its end spares the resolver its search list, each time. */
async function namedFlows(clusters: readonly Cluster[], service: string, name: string): Promise<Flow[]> {
  const all = await Promise.all(
    clusters.map(async (c) =>
      serviceFlows(c, (await everyVantageOf(c.kube)).slice(-1), {
        name: `${service}, resolved by CoreDNS of ${c.name}`,
        ip: `${name}.`,
        http: 80,
      }),
    ),
  );
  return all.flat();
}

/** Who answers requests. */
export function trafficPoints({ pair, test }: PointsOf): void {
  /** Both services at once: each is watched for five seconds. */
  const alone = atOnce(
    () => [{ name: "mcs-one-of-two" }, { name: "mcs-port-conflict" }],
    (kit: Kit & { readonly signal: AbortSignal }, { name: service }) => {
      const { from, to } = pairIn(kit.mesh, pair);
      return answeredOnly(kit, { service, by: [from], control: to }, kit.signal);
    },
  );

  test(`${pair.name} > required: a service that is not exported is reachable in no cluster by its clusterset name`, {
    requires: ["clustersetDns"],
    spec: section("exporting-services"),
  }, async ({ mesh, echo, namespace, budgets, within, expect }) => {
    const { from } = pairIn(mesh, pair);
    const service = "mcs-unexported";
    const [vantage] = await everyVantageOf(from.kube);
    const ip = await echo.clusterIp(from, service);
    // Otherwise no answer would prove nothing: its backends serve, and names of exported services resolve.
    const own = [
      ...serviceFlows(from, vantage === undefined ? [] : [vantage], { name: service, ip, http: 80 }),
      ...(await namedFlows(mesh.clusters, "mcs-plain", clustersetName(namespace, "mcs-plain"))),
    ];
    const asking = { timeoutMs: budgets.requestMs, within: within.sync };
    expect(await judgeOpen(own, "its own cluster's, and of an exported service, before", asking)).toPass();
    const flows = await namedFlows(mesh.clusters, service, clustersetName(namespace, service));
    const during = await watchClosed(flows, asking);
    const imported = await Promise.all(
      mesh.clusters.map(async (c) =>
        (await c.kube.get(kinds.serviceImport, namespace, service)) === undefined
          ? []
          : [`${c.name} -> service ${service}: it has a ServiceImport`],
      ),
    );
    expect(await judgeOpen(own, "its own cluster's, and of an exported service, after", asking)).toPass();
    const gone = flows.map((f, i) => judgeGone(flowName(f), during[i] ?? []));
    expect(combine([failedBecause(imported.flat()), ...gone])).toPass();
  });

  test(`${pair.name} > optional: an exported service answers at its clusterset name in every cluster`, {
    requires: ["clustersetDns"],
    spec: section("dns"),
  }, async ({ mesh, echo, namespace, budgets, within, signal, expect }) => {
    const { from } = pairIn(mesh, pair);
    const name = clustersetName(namespace, "mcs-plain");
    const verdict = await inEvery({ mesh, within }, `${name} to answer`, async (c) => {
      const expected = await echo.allPods([from]);
      const what = `${c.name} -> service ${name}, resolved by CoreDNS of ${c.name}`;
      return judgeAnsweredBy(c, { what, ip: name, pods: expected }, { timeoutMs: budgets.requestMs, signal });
    });
    expect(verdict).toPass();
  });

  test(`${pair.name} > optional: a service that two clusters have and one exports is answered by that cluster only`, {
    spec: section("exporting-services"),
  }, async ({ mesh, echo, namespace, budgets, within, signal, expect }) => {
    const kit = { mesh, echo, namespace, budgets, within, signal };
    expect(await alone(kit, { name: "mcs-one-of-two" })).toPass();
  });

  test(`${pair.name} > optional: where two clusters give one port name different numbers, only the older export's cluster answers`, {
    spec: section("service-port"),
  }, async ({ mesh, echo, namespace, budgets, within, signal, expect }) => {
    const kit = { mesh, echo, namespace, budgets, within, signal };
    expect(await alone(kit, { name: "mcs-port-conflict" })).toPass();
  });

  test(`${pair.name} > optional: where two clusters have different ports, each answers at its own`, {
    spec: section("service-port"),
  }, async ({ mesh, echo, namespace, budgets, within, signal, expect }) => {
    const { from, to } = pairIn(mesh, pair);
    const kit = { mesh, echo, namespace, budgets, within };
    const first = await answered(kit, { service: "mcs-port-names", by: [from] }, signal);
    const second = await answered(kit, { service: "mcs-port-names", port: 90, by: [to] }, signal);
    expect(combine([first, second])).toPass();
  });
}

/** A cluster's EndpointSlices of a service that `from` exports, and whether they are as MCS-API requires. */
async function slicesOf(c: Cluster, from: Cluster, namespace: string, name: string) {
  const slices = await mcsSlices(c, namespace, name);
  const families = await sharedFamilies(from, { namespace, name }, c);
  const verdict = judgeSlices(
    c.name,
    slices.map(({ metadata, addressType }) => ({
      name: metadata.name,
      family: String(addressType),
      labels: metadata.labels ?? {},
    })),
    { service: name, source: from.name, families },
  );
  return { count: slices.length, verdict };
}

/** EndpointSlices with the labels of MCS-API. */
export function slicePoints({ pair, test }: PointsOf): void {
  const spec = section("using-endpointslice-objects-to-track-endpoints");

  test(`${pair.name} > optional: every cluster has the EndpointSlices of an exported ClusterIP service`, {
    spec,
  }, async ({ mesh, namespace, within, unsupported, expect }) => {
    const { from } = pairIn(mesh, pair);
    const service = "mcs-plain";
    let without: string[] = [];
    const verdict = await inEvery({ mesh, within }, `the EndpointSlices of ${service}`, async (c) => {
      const { count, verdict } = await slicesOf(c, from, namespace, service);
      without = [...without.filter((name) => name !== c.name), ...(count === 0 ? [c.name] : [])];
      return verdict;
    });
    // An implementation that keeps the endpoints of other clusters elsewhere has none in any importing cluster, as long
    // as the import itself is there.
    const importing = mesh.clusters.filter((c) => c !== from);
    const imports = await Promise.all(
      importing.map((c) => judgeImport(c, { namespace, name: service, of: from.name }, () => combine([]))),
    );
    expect(combine(imports)).toPass();
    if (without.length === importing.length && importing.every((c) => without.includes(c.name)))
      unsupported("mcsEndpointSlices", `no EndpointSlice of a ClusterIP service in ${without.join(", ")}`);
    expect(verdict).toPass();
  });

  for (const [what, name] of [
    ["a headless service", "mcs-headless"],
    ["a ClusterIP service that requests them", "mcs-sliced"],
  ] as const)
    test(`${pair.name} > optional: every cluster has the EndpointSlices of ${what}, with the labels of MCS-API, until its export is withdrawn`, {
      requires: ["endpointSliceSync"],
      spec,
    }, async ({ mesh, namespace, within, expect }) => {
      const { from } = pairIn(mesh, pair);
      const before = await from.kube.get(kinds.serviceExport, namespace, name);
      const verdict = await inEvery(
        { mesh, within },
        `the EndpointSlices of ${name}`,
        async (c) => (await slicesOf(c, from, namespace, name)).verdict,
      );
      expect(verdict).toPass();
      await from.kube.remove(kinds.serviceExport, namespace, name);
      try {
        for (const c of mesh.clusters)
          await c.kube.until(
            kinds.endpointSlice,
            { namespace, labelSelector: `multicluster.kubernetes.io/service-name=${name}` },
            (slices) => (slices.length === 0 ? ready(undefined) : notYet(`${slices.length} left`)),
            { what: `the EndpointSlices of ${name} to disappear from ${c.name}`, ...within.sync },
          );
      } finally {
        await from.kube.apply(exportOf(namespace, name, before?.spec as Record<string, unknown> | undefined));
      }
    });
}
