import { isIP } from "node:net";
import { judgeCondition, judgeExported, judgePorts, judgeValue, type McsPort } from "#harness/judge/mcs.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { combine, failedBecause, type Verdict } from "#harness/model/verdict.ts";
import type { SuiteFixtures } from "#harness/testkit/fixture-types.ts";
import { pairIn } from "#harness/testkit/fixture-types.ts";
import { addressesOf, awaitImport, awaitNoImport, exportOf } from "#harness/workloads/mcs.ts";
import {
  affinityConfig,
  conditionsOf,
  inEvery,
  judgeImport,
  type PointsOf,
  plainPorts,
  section,
} from "./points.ts";

type Kit = Pick<SuiteFixtures, "mesh" | "namespace" | "within">;

const everyImport = (
  kit: Kit,
  name: string,
  judge: (what: string, imported: KubeObject) => Verdict,
): Promise<Verdict> =>
  inEvery(kit, `the ServiceImports of ${name}`, (c) =>
    judgeImport(c, { namespace: kit.namespace, name }, judge),
  );

export const portsOf = (imported: KubeObject): McsPort[] => (imported.spec?.ports ?? []) as McsPort[];

/** Imports come with the first export and go with the last. */
export function lifePoints({ pair, test }: PointsOf): void {
  for (const [name, kind, type, spec] of [
    ["mcs-withdrawn", "ClusterIP", "ClusterSetIP", section("importing-services")],
    ["mcs-withdrawn-headless", "headless", "Headless", section("service-types")],
  ] as const)
    test(`${pair.name} > required: a ${kind} service is imported in every cluster as ${type}, until its export is withdrawn`, {
      spec,
    }, async ({ mesh, namespace, within, expect }) => {
      const { from } = pairIn(mesh, pair);
      const types = await everyImport({ mesh, namespace, within }, name, (what, i) =>
        judgeValue(`${what}: type`, i.spec?.type, type),
      );
      // Of the exporter only; an operator may import a service before it writes the condition.
      const valid = await inEvery({ mesh, within }, `the export of ${name} to be valid`, async (c) =>
        c === from
          ? judgeCondition(
              `ServiceExport ${name} in ${from.name}`,
              await conditionsOf(from, namespace, name),
              "Valid",
              "True",
            )
          : combine([]),
      );
      expect(combine([types, valid])).toPass();
      await from.kube.remove(kinds.serviceExport, namespace, name);
      try {
        await Promise.all(mesh.clusters.map((c) => awaitNoImport(c, { namespace, name }, within.sync)));
      } finally {
        await from.kube.apply(exportOf(namespace, name));
      }
    });

  test(`${pair.name} > required: an import exists as long as one cluster exports the service`, {
    spec: section("importing-services"),
  }, async ({ mesh, namespace, within, expect }) => {
    const { from, to } = pairIn(mesh, pair);
    const name = "mcs-shared";
    const everywhere = (exporters: readonly (typeof from)[]) =>
      Promise.all(mesh.clusters.map((c) => awaitImport(c, { namespace, name }, exporters, within.sync)));
    const uids = (imports: readonly KubeObject[]) => imports.map((i) => i.metadata.uid);
    const before = await everywhere([from, to]);
    try {
      await from.kube.remove(kinds.serviceExport, namespace, name);
      // An import that was deleted and made again has another uid.
      expect(uids(await everywhere([to]))).toEqual(uids(before));
      await to.kube.remove(kinds.serviceExport, namespace, name);
      await Promise.all(mesh.clusters.map((c) => awaitNoImport(c, { namespace, name }, within.sync)));
    } finally {
      await from.kube.apply(exportOf(namespace, name));
      await to.kube.apply(exportOf(namespace, name));
    }
  });

  for (const [name, what] of [
    ["mcs-external", "of an ExternalName service"],
    ["mcs-missing", "without a service"],
  ] as const)
    test(`${pair.name} > required: an export ${what} is not valid, and imported nowhere`, {
      spec: section(name === "mcs-external" ? "service-types" : "exporting-services"),
    }, async ({ mesh, namespace, within, expect }) => {
      const { from } = pairIn(mesh, pair);
      const verdict = await inEvery({ mesh, within }, `the export ${what} to be refused`, async (c) =>
        combine([
          judgeCondition(
            `ServiceExport ${name} in ${from.name}`,
            await conditionsOf(from, namespace, name),
            "Valid",
            "False",
          ),
          failedBecause(
            (await c.kube.get(kinds.serviceImport, namespace, name)) === undefined
              ? []
              : [`ServiceImport ${name} is in ${c.name}`],
          ),
        ]),
      );
      expect(verdict).toPass();
    });
}

/** What an import takes from the exported service. */
export function propertyPoints({ pair, test }: PointsOf): void {
  const properties = "mcs-properties";
  const taken = [
    ["session affinity", "session-affinity", "sessionAffinity", "ClientIP"],
    ["session affinity's timeout", "session-affinity", "sessionAffinityConfig", affinityConfig],
    ["internal traffic policy", "internal-traffic-policy", "internalTrafficPolicy", "Local"],
    ["traffic distribution", "traffic-distribution", "trafficDistribution", "PreferClose"],
  ] as const;
  for (const [what, at, field, expected] of taken)
    test(`${pair.name} > required: the import has the service's ${what}`, {
      spec: section(at),
    }, async ({ mesh, namespace, within, expect }) => {
      const verdict = await everyImport({ mesh, namespace, within }, properties, (where, i) =>
        judgeValue(`${where}: ${field}`, i.spec?.[field], expected),
      );
      expect(verdict).toPass();
    });

  test(`${pair.name} > required: a ClusterSetIP import has an address`, {
    spec: section("clustersetip"),
  }, async ({ mesh, namespace, within, expect }) => {
    const verdict = await everyImport({ mesh, namespace, within }, "mcs-plain", (what, i) => {
      const [address = ""] = addressesOf(i);
      return failedBecause(isIP(address) === 0 ? [`${what} has the address "${address}"`] : []);
    });
    expect(verdict).toPass();
  });

  test(`${pair.name} > required: a Headless import has no address`, {
    spec: section("clustersetip"),
  }, async ({ mesh, namespace, within, expect }) => {
    const verdict = await everyImport({ mesh, namespace, within }, "mcs-headless", (what, i) =>
      combine([
        judgeValue(`${what}: type`, i.spec?.type, "Headless"),
        judgeValue(`${what}: addresses`, addressesOf(i), []),
      ]),
    );
    expect(verdict).toPass();
  });

  test(`${pair.name} > required: the import has the service's ports`, {
    spec: section("service-port"),
  }, async ({ mesh, namespace, within, expect }) => {
    const verdict = await everyImport({ mesh, namespace, within }, "mcs-plain", (what, i) =>
      judgePorts(`${what}: ports`, portsOf(i), plainPorts),
    );
    expect(verdict).toPass();
  });

  test(`${pair.name} > optional: the import has the labels and annotations that the export names, and none of the service's own`, {
    spec: section("labels-and-annotations"),
  }, async ({ mesh, namespace, within, expect }) => {
    const wanted = {
      exported: { "meshproof.example/exported": "first" },
      withheld: ["meshproof.example/own"],
    };
    const verdict = await everyImport({ mesh, namespace, within }, properties, (what, { metadata }) =>
      combine([
        judgeExported(`${what}: labels`, metadata.labels ?? {}, wanted),
        judgeExported(`${what}: annotations`, metadata.annotations ?? {}, wanted),
      ]),
    );
    expect(verdict).toPass();
  });
}

/** Both exporters must report it; a condition that is missing is no report. */
function conflictReported(kit: Kit, name: string, pair: PointsOf["pair"]): Promise<Verdict> {
  const exporters = Object.values(pairIn(kit.mesh, pair));
  return inEvery(kit, `the conflict of ${name}`, async (c) =>
    exporters.includes(c)
      ? judgeCondition(
          `ServiceExport ${name} in ${c.name}`,
          await conditionsOf(c, kit.namespace, name),
          "Conflict",
          "True",
        )
      : combine([]),
  );
}

/** Two clusters that export different services under one name. */
export function conflictPoints({ pair, test }: PointsOf): void {
  test(`${pair.name} > required: the import of two clusters' services has the union of their ports, and every export reports the conflict`, {
    spec: section("service-port"),
  }, async ({ mesh, namespace, within, expect }) => {
    const name = "mcs-union";
    const union = [
      { name: "http", port: 80 },
      { name: "first", port: 81 },
      { name: "second", port: 82 },
    ];
    const imports = await everyImport({ mesh, namespace, within }, name, (what, i) =>
      judgePorts(`${what}: ports`, portsOf(i), union),
    );
    const reported = await conflictReported({ mesh, namespace, within }, name, pair);
    expect(combine([imports, reported])).toPass();
  });

  const older = {
    exported: { "meshproof.example/exported": "first" },
    withheld: ["meshproof.example/other"],
  };
  const conflicts = [
    [
      "required: of conflicting ports",
      "mcs-port-conflict",
      "service-port",
      (what: string, i: KubeObject) => judgePorts(`${what}: ports`, portsOf(i), [{ name: "http", port: 80 }]),
    ],
    [
      "required: of conflicting types",
      "mcs-type-conflict",
      "headlessness",
      (what: string, i: KubeObject) => judgeValue(`${what}: type`, i.spec?.type, "ClusterSetIP"),
    ],
    [
      "required: of conflicting session affinities",
      "mcs-affinity-conflict",
      "session-affinity",
      (what: string, i: KubeObject) =>
        judgeValue(`${what}: session affinity`, i.spec?.sessionAffinity, "None"),
    ],
    [
      "optional: of conflicting exported labels and annotations",
      "mcs-label-conflict",
      "labels-and-annotations",
      (what: string, { metadata }: KubeObject) =>
        combine([
          judgeExported(`${what}: labels`, metadata.labels ?? {}, older),
          judgeExported(`${what}: annotations`, metadata.annotations ?? {}, older),
        ]),
    ],
  ] as const;
  for (const [title, name, at, judge] of conflicts)
    test(`${pair.name} > ${title} the older export's are imported, and every export reports the conflict`, {
      spec: section(at),
    }, async ({ mesh, namespace, within, expect }) => {
      const imports = await everyImport({ mesh, namespace, within }, name, judge);
      const reported = await conflictReported({ mesh, namespace, within }, name, pair);
      expect(combine([imports, reported])).toPass();
    });
}
