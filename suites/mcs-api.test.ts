// Goal: the Multi-Cluster Services API: a service that one cluster exports is imported and answers in the others.
// Method: a Service and its ServiceExport in one cluster alone; the ServiceImport that the others get, and who answers
// at its address; gone again once the export is.

import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { judgeSameSet } from "#harness/judge/sets.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
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
import { drawAnswers } from "#harness/workloads/draw.ts";
import { echoService } from "#harness/workloads/echo.ts";
import { resolveFrom, vantagesOf } from "#harness/workloads/vantage.ts";

const exported = (home: Cluster): string => `exported-by-${home.name}`;

const suite = setUp("mcs-api", async (context) => {
  const { namespace } = context;
  const supported = (
    await Promise.all(mesh.clusters.map((c) => c.setting("clustermesh-enable-mcs-api")))
  ).every((s) => s === "true");
  if (!supported) return undefined;
  const echo = await deployEcho(context, { replicas: 2 });
  for (const home of mesh.clusters) {
    const name = exported(home);
    await home.kube.apply(
      echoService({ namespace, name, selector: { app: echo.deploymentOf(home) }, annotations: {} }),
    );
    await home.kube.apply(exportOf(namespace, name));
  }
  return { echo, namespace };
});

const exportOf = (namespace: string, name: string): KubeObject => ({
  apiVersion: kinds.serviceExport.apiVersion,
  kind: kinds.serviceExport.kind,
  metadata: { namespace, name },
});

type Built = NonNullable<ReturnType<typeof suite>>;

function built(context: Parameters<typeof unsupported>[0]): Built {
  return suite() ?? unsupported(context, "MCS-API: clustermesh-enable-mcs-api is off");
}

const clustersOf = (object: KubeObject): string[] =>
  ((object.status?.clusters ?? []) as { cluster: string }[]).map((c) => c.cluster);

async function importedAddress(
  cluster: Cluster,
  namespace: string,
  home: Cluster,
  signal: AbortSignal,
): Promise<string> {
  return cluster.kube.until(
    kinds.serviceImport,
    { namespace, name: exported(home) },
    ([found]) => {
      if (found === undefined) return notYet("no ServiceImport");
      const [ip] = (found.spec?.ips ?? []) as string[];
      const from = clustersOf(found);
      return ip !== undefined && from.length === 1 && from[0] === home.name
        ? ready(ip)
        : notYet(`address ${ip ?? "none"}, clusters ${from.join(", ") || "none"}`);
    },
    {
      what: `${cluster.name} to import ${exported(home)} from ${home.name}`,
      withinMs: budgets.syncMs,
      signal,
    },
  );
}

forEachPair((from, to) => {
  test(`what ${to.name} exports is imported in ${from.name} and answered by ${to.name}`, async (context) => {
    const { echo, namespace } = built(context);
    const ip = await importedAddress(from, namespace, to, context.signal);
    const expected = await echo.allPods([to]);
    let seen = judgeSameSet(`${from.name} -> ServiceImport ${exported(to)}`, [], expected);
    await eventually(
      async () => {
        const draw = await drawAnswers(from, ip, 12 * expected.length, budgets.requestMs, context.signal);
        seen = judgeSameSet(
          `${from.name} -> ServiceImport ${exported(to)} (${ip})`,
          [...new Set(draw.good)],
          expected,
        );
        return seen.outcome === "pass" && draw.bad.length === 0
          ? ready(undefined)
          : notYet([...seen.reasons, ...draw.bad.slice(0, 1)].join("; "));
      },
      {
        what: `ServiceImport ${exported(to)} to answer in ${from.name}`,
        withinMs: budgets.syncMs,
        everyMs: 500,
        signal: context.signal,
      },
    );
    keepFacts(context, { address: ip, backends: expected.length });
    expect(seen).toPass();
  });

  test(`${from.name} forgets the import once ${to.name} withdraws its export`, async (context) => {
    const { namespace } = built(context);
    await importedAddress(from, namespace, to, context.signal);
    await to.kube.remove(kinds.serviceExport, namespace, exported(to));
    try {
      await from.kube.until(
        kinds.serviceImport,
        { namespace, name: exported(to) },
        ([found]) => (found === undefined ? ready(undefined) : notYet("still there")),
        {
          what: `the ServiceImport of ${to.name}'s service to go from ${from.name}`,
          withinMs: budgets.syncMs,
          signal: context.signal,
        },
      );
    } finally {
      await to.kube.apply(exportOf(namespace, exported(to)));
    }
  });

  test(`clusterset.local of ${to.name}'s service resolves in ${from.name}`, async (context) => {
    const { namespace } = built(context);
    const ip = await importedAddress(from, namespace, to, context.signal);
    const corefile = await from.kube.get(kinds.configMap, "kube-system", "coredns");
    if (!String(corefile?.data?.Corefile).includes("multicluster"))
      unsupported(context, "clusterset.local: this CoreDNS has no multicluster plugin (1.12.2 or later)");
    const [vantage] = await vantagesOf(from.kube);
    const name = `${exported(to)}.${namespace}.svc.clusterset.local`;
    const verdict = await judgedInTime(
      async () =>
        judgeSameSet(
          `CoreDNS of ${from.name}: A records of ${name}`,
          await resolveFrom(from.kube, vantage!, name, context.signal),
          [ip],
        ),
      {
        what: `${name} to resolve in ${from.name}`,
        withinMs: budgets.syncMs,
        everyMs: 500,
        signal: context.signal,
      },
    );
    keepFacts(context, { name, address: ip });
    expect(verdict).toPass();
  });
});
