import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import { entriesOf, exampleDump, exampleTime, zipOf } from "#harness/evidence/sysdump/examples.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import type { SourceCluster, SourceObject } from "#harness/model/source-environment.ts";
import { groupManifests } from "./cidr-groups.ts";
import { draftOf } from "./plan-examples.ts";
import { readSource } from "./read-source.ts";

const group = (name: string, cidr: string, metadata: object = {}): SourceObject => ({
  ...{ apiVersion: "cilium.io/v2alpha1", kind: "CiliumCIDRGroup", metadata: { name, ...metadata } },
  spec: { externalCIDRs: [cidr] },
});
const values = (name: string, id: number): object => ({
  ...{ cluster: { name, id }, clustermesh: { useAPIServer: true } },
  ipam: { operator: { clusterPoolIPv4PodCIDRList: [`10.${id}.0.0/16`] } },
});

test("groups are objects of the lab, before the policies that name them, and nothing is left out", async () => {
  const policy = {
    ...{ apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy" },
    metadata: { name: "to-api", namespace: "shop" },
    spec: { endpointSelector: {}, ingress: [{ fromCIDRSet: [{ cidrGroupRef: "office" }] }] },
  };
  const { clusters, differences } = await draftOf({
    ...{ "alpha/values.yaml": values("alpha", 1) },
    "alpha/objects.yaml": [policy, group("office", "192.0.2.0/24", { labels: { site: "berlin" } })],
    "beta/values.yaml": values("beta", 2),
  });
  const own = clusters.find((c) => c.name === "alpha")?.manifests ?? [];
  expect(own.map((o) => o.kind)).toEqual(["Namespace", "CiliumCIDRGroup", "CiliumNetworkPolicy"]);
  expect(own[1]).toEqual({
    ...{ apiVersion: "cilium.io/v2", kind: "CiliumCIDRGroup" },
    metadata: { name: "office", labels: { site: "berlin" } },
    spec: { externalCIDRs: ["192.0.2.0/24"] },
  });
  expect(differences.filter((d) => d.field.startsWith("CiliumCIDRGroup"))).toMatchObject([
    { cluster: "alpha", field: "CiliumCIDRGroup office", inLab: "as it is", difference: "" },
  ]);
});

test("a group is there once, of no namespace, in a version that the lab's Cilium has", () => {
  const others = [
    group("office", "192.0.2.0/24"),
    group("office", "198.51.100.0/24", { namespace: "shop", uid: "1" }),
    { kind: "ConfigMap", metadata: { name: "office" } },
  ];
  const of = (cilium: string): SourceObject[] =>
    groupManifests({ others, cilium } as unknown as SourceCluster);
  expect(of("1.17.4")).toEqual([
    {
      ...{ apiVersion: "cilium.io/v2alpha1", kind: "CiliumCIDRGroup", metadata: { name: "office" } },
      spec: { externalCIDRs: ["198.51.100.0/24"] },
    },
  ]);
  expect(of("1.20.2").map((o) => o.apiVersion)).toEqual(["cilium.io/v2"]);
});

test("groups are read from sysdumps", async () => {
  const dump = (cluster: string, files: Readonly<Record<string, string>>): string => {
    const path = join(tempFolder("groups"), `${cluster}.zip`);
    writeFileSync(path, zipOf(entriesOf({ ...exampleDump({ cluster }), ...files })));
    return path;
  };
  const item = { metadata: { name: "office" }, spec: { externalCIDRs: ["192.0.2.0/24"] } };
  const list = toYaml({ apiVersion: "v1", kind: "List", items: [item] });
  const clusters = await readSource([
    dump("c1", { [`d/ciliumcidrgroups-${exampleTime}.yaml`]: list }),
    dump("c2", {}),
  ]);
  expect(clusters.map((c) => [c.name, groupManifests(c)])).toEqual([
    ["c1", [{ apiVersion: "cilium.io/v2", kind: "CiliumCIDRGroup", ...item }]],
    ["c2", []],
  ]);
});
