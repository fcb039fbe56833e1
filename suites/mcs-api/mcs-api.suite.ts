import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgeGone } from "#harness/judge/absence.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { judgeSameSet } from "#harness/judge/sets.ts";
import { kinds } from "#harness/kube/kube.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import { combine, type Verdict } from "#harness/model/verdict.ts";
import { judgeOpen, silentInTime } from "#harness/testkit/absence.ts";
import { bothWays } from "#harness/testkit/both-ways.ts";
import { type ClusterPair, defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn, type SuiteFixtures } from "#harness/testkit/fixture-types.ts";
import { watchClosed } from "#harness/testkit/watch.ts";
import type { Waiting } from "#harness/testkit/within.ts";
import { echoService } from "#harness/workloads/echo.ts";
import { type Answers, type Flow, flowName, serviceFlows } from "#harness/workloads/flows.ts";
import { addressesOf, awaitImport, awaitNoImport, exportOf } from "#harness/workloads/mcs.ts";
import { sampleBackends } from "#harness/workloads/sampling.ts";
import { everyVantageOf, oneVantageOf, resolveFrom } from "#harness/workloads/vantage.ts";
import { clusterIpNames, headlessNames } from "./dns-points.ts";
import { conflictPoints, lifePoints, propertyPoints } from "./import-points.ts";
import { createPoints } from "./points.ts";
import { slicePoints, trafficPoints } from "./traffic-points.ts";

const spec =
  "https://github.com/kubernetes/enhancements/tree/master/keps/sig-multicluster/1645-multi-cluster-services-api";

const exported = (home: { readonly name: string }): string => `exported-by-${home.name}`;

async function importedAddress(
  cluster: Cluster,
  namespace: string,
  home: Cluster,
  within: Waiting,
): Promise<string> {
  const imported = await awaitImport(cluster, { namespace, name: exported(home) }, [home], within);
  return found(addressesOf(imported)[0], `address of ServiceImport ${exported(home)} in ${cluster.name}`);
}

type Kit = Pick<SuiteFixtures, "mesh" | "namespace" | "budgets" | "within">;

/** Nobody answers at an import's address once the only export is withdrawn; before and after, somebody does. */
async function forgetsImport({ mesh, namespace, budgets, within }: Kit, pair: ClusterPair): Promise<Verdict> {
  const { from, to } = pairIn(mesh, pair);
  const name = exported(to);
  const asking = { timeoutMs: budgets.requestMs, within: within.sync };
  const vantages = (await everyVantageOf(from.kube)).slice(-1);
  const flowsNow = async (): Promise<Flow[]> =>
    serviceFlows(from, vantages, {
      // With the exporter's name, which is the one to suspect.
      name: `${name} of ${to.name}`,
      ip: await importedAddress(from, namespace, to, within.sync),
      http: 80,
      udp: 81,
    });
  const flows = await flowsNow();
  const before = await judgeOpen(flows, "before the withdrawal", asking);
  if (before.outcome !== "pass") return before;
  await to.kube.remove(kinds.serviceExport, namespace, name);
  let during: readonly Answers[] = [];
  try {
    await awaitNoImport(from, { namespace, name }, within.sync);
    // Kubernetes removes the import's service some time after the import, as its dependent.
    const silent = await silentInTime(flows, asking);
    if (silent.outcome !== "pass") return silent;
    during = await watchClosed(flows, asking);
  } finally {
    await to.kube.apply(exportOf(namespace, name));
  }
  // Its address is another one then.
  const after = await judgeOpen(await flowsNow(), "after the withdrawal", asking);
  return combine([...flows.map((f, i) => judgeGone(flowName(f), during[i] ?? [])), after]);
}

export default defineSuite(
  {
    name: "mcs-api",
    tags: ["lab-specific", "services"],
    when: "lab",
    order: 3,
    goal: "Multi-Cluster Services API: a service that one cluster exports is imported in the other clusters and answers there.",
    method:
      "Creates a Service and its ServiceExport in one cluster only; checks the ServiceImport in the others and the backends that answer at its address; the import must disappear with the export. One test checks each further point of KEP-1645, required or optional, with the first cluster as exporter and every cluster as importer.",
    failureMeans: "Cilium's operator, which imports services, or the data it received from the kvstore.",
    requires: ["mcsApi"],
    echo: { replicas: 2, patient: true },
    setup: async ({ mesh, echo, namespace, images, within }) => {
      for (const home of mesh.clusters) {
        const name = exported(home);
        await home.kube.apply(
          echoService({ namespace, name, selector: { app: echo.deploymentOf(home) }, annotations: {} }),
        );
        await home.kube.apply(exportOf(namespace, name));
      }
      await createPoints({ mesh, echo, namespace, images, within });
    },
  },
  ({ pairs, test }) => {
    // Each cluster's export is its own, so both ways are tested at once.
    const forgotten = bothWays(pairs, forgetsImport);
    for (const pair of pairs) {
      const { from, to } = pair;

      test(`${pair.name} > required: what ${to.name} exports is imported in ${from.name} and answered by ${to.name}`, {
        spec,
      }, async ({ mesh, echo, namespace, budgets, within, signal, keepFacts, expect }) => {
        const { from, to } = pairIn(mesh, pair);
        const ip = await importedAddress(from, namespace, to, within.sync);
        const expected = await echo.allPods([to], within.sync);
        let seen = judgeSameSet(`${from.name} -> ServiceImport ${exported(to)}`, [], expected);
        await eventually(
          async () => {
            const sample = await sampleBackends(
              from,
              { ip },
              { count: 12 * expected.length, timeoutMs: budgets.requestMs, signal },
            );
            seen = judgeSameSet(
              `${from.name} -> ServiceImport ${exported(to)} (${ip})`,
              [...new Set(sample.good)],
              expected,
            );
            return seen.outcome === "pass" && sample.bad.length === 0
              ? ready(undefined)
              : notYet([...seen.reasons, ...sample.bad.slice(0, 1)].join("; "));
          },
          {
            what: `ServiceImport ${exported(to)} to answer in ${from.name}`,
            everyMs: 500,
            ...within.sync,
          },
        );
        keepFacts({ address: ip, backends: expected.length });
        expect(seen).toPass();
      });

      test(`${pair.name} > required: ${from.name} forgets the import once ${to.name} withdraws its export`, {
        spec,
      }, async ({ mesh, namespace, budgets, within, expect }) => {
        expect(await forgotten({ mesh, namespace, budgets, within }, pair)).toPass();
      });

      test(`${pair.name} > optional: clusterset.local of ${to.name}'s service resolves in ${from.name}`, {
        requires: [{ capability: "clustersetDns", cluster: from.name }],
        spec,
      }, async ({ mesh, namespace, within, signal, keepFacts, expect }) => {
        const { from, to } = pairIn(mesh, pair);
        const ip = await importedAddress(from, namespace, to, within.sync);
        const vantage = await oneVantageOf(from.kube);
        const name = `${exported(to)}.${namespace}.svc.clusterset.local`;
        const verdict = await judgedInTime(
          async () =>
            judgeSameSet(
              `CoreDNS of ${from.name}: A records of ${name}`,
              await resolveFrom(from.kube, vantage, name, signal),
              [ip],
            ),
          { what: `${name} to resolve in ${from.name}`, everyMs: 500, ...within.sync },
        );
        keepFacts({ name, address: ip });
        expect(verdict).toPass();
      });
    }
    const [pair] = pairs;
    if (pair === undefined) return;
    for (const points of [
      lifePoints,
      propertyPoints,
      conflictPoints,
      trafficPoints,
      slicePoints,
      clusterIpNames,
      headlessNames,
    ])
      points({ pair, test });
  },
);
