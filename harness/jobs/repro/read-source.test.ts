import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import {
  type ExampleEntry,
  entriesOf,
  exampleDump,
  tarOf,
  zipOf,
} from "#harness/evidence/sysdump/examples.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { setArgument, setPairs } from "./commands/set-values.ts";
import { readSource } from "./read-source.ts";
import { valuesKinds } from "./wrapped-values.ts";

function folderOf(files: Readonly<Record<string, string | object>>): string {
  const dir = tempFolder("source");
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), typeof content === "string" ? content : toYaml(content));
  }
  return dir;
}

const valuesOf = (name: string, id: unknown, more: object = {}): object => ({
  cluster: { name, id },
  clustermesh: { useAPIServer: true },
  ipam: { operator: { clusterPoolIPv4PodCIDRList: [`10.${Number(id)}0.0.0/16`] } },
  ...more,
});
const second = toYaml(valuesOf("beta", 2));
/** Reads a file beside the values of a second cluster. */
const first = async (content: string | object, name = "alpha.yaml") => {
  const dir = folderOf({ [name]: content, "beta.yaml": second });
  const [alpha] = await readSource([join(dir, name), join(dir, "beta.yaml")]);
  return alpha;
};
const object = (apiVersion: string, kind: string, spec: object): object => ({
  apiVersion,
  kind,
  metadata: { name: "cilium", namespace: "kube-system" },
  ...spec,
});
const text = toYaml(valuesOf("alpha", 1));
const given = valuesOf("alpha", 1);
const chart = { chart: "cilium", targetRevision: "1.18.6" };

const wrapped: readonly [string, object][] = [
  ["HelmChartConfig", object("helm.cattle.io/v1", "HelmChartConfig", { spec: { valuesContent: text } })],
  ["HelmChart", object("helm.cattle.io/v1", "HelmChart", { spec: { chart: "cilium", valuesContent: text } })],
  [
    "HelmRelease",
    object("helm.toolkit.fluxcd.io/v2", "HelmRelease", {
      spec: { chart: { spec: { chart: "cilium", version: "1.18.6" } }, values: given },
    }),
  ],
  [
    "Application, text",
    object("argoproj.io/v1alpha1", "Application", {
      spec: { source: { ...chart, helm: { values: text } } },
    }),
  ],
  [
    "Application, object",
    object("argoproj.io/v1alpha1", "Application", {
      spec: { source: { ...chart, helm: { valuesObject: given } } },
    }),
  ],
  [
    "Application, several sources",
    object("argoproj.io/v1alpha1", "Application", {
      spec: {
        sources: [
          { chart: "other", helm: { values: "a: 1" } },
          { ...chart, helm: { values: text } },
        ],
      },
    }),
  ],
  [
    "Application, parameters",
    object("argoproj.io/v1alpha1", "Application", {
      spec: {
        source: {
          ...chart,
          helm: {
            parameters: [
              { name: "cluster.name", value: "alpha" },
              { name: "cluster.id", value: "1" },
            ],
          },
        },
      },
    }),
  ],
  ["CiliumConfig", object("cilium.io/v1alpha1", "CiliumConfig", { spec: given })],
  [
    "HelmChartProxy",
    object("addons.cluster.x-k8s.io/v1alpha1", "HelmChartProxy", {
      spec: { chartName: "cilium", valuesTemplate: `k8sServiceHost: {{ .Cluster.spec.host }}\n${text}` },
    }),
  ],
  [
    "HelmReleaseProxy",
    object("addons.cluster.x-k8s.io/v1alpha1", "HelmReleaseProxy", {
      spec: { chartName: "cilium", values: text },
    }),
  ],
  [
    "Rancher's Cluster",
    object("provisioning.cattle.io/v1", "Cluster", {
      spec: { rkeConfig: { chartValues: { "rke2-cilium": given } } },
    }),
  ],
  ["ConfigMap", object("v1", "ConfigMap", { data: { "values.yaml": text } })],
  [
    "k0s",
    object("k0s.k0sproject.io/v1beta1", "ClusterConfig", {
      spec: {
        extensions: { helm: { charts: [{ chartname: "cilium/cilium", version: "1.18.6", values: text }] } },
      },
    }),
  ],
  [
    "Crossplane",
    object("helm.crossplane.io/v1beta1", "Release", {
      spec: { forProvider: { chart: { name: "cilium" }, values: given } },
    }),
  ],
  [
    "kustomization without a kind",
    { helmCharts: [{ name: "cilium", version: "1.18.6", valuesInline: given }] },
  ],
  ["helmfile", { releases: [{ name: "cilium", chart: "cilium/cilium", values: [given] }] }],
  ["a chart around Cilium's", { cilium: given }],
];

describe("values within other objects", () => {
  test.each(wrapped)("%s", async (_, document) => {
    expect(await first(document)).toMatchObject({ name: "alpha", id: 1 });
  });

  test("every kind of the table has a place for its values, and a guide that lists it", () => {
    const guide = readFileSync(join(repoRoot(), "docs/guides/reproduce.md"), "utf8");
    for (const { kind, values } of valuesKinds) {
      expect(values).not.toEqual([]);
      expect(guide).toContain(kind);
    }
  });

  test("the chart's version is Cilium's; a range of a known minor is its newest release", async () => {
    const release = (version: string) =>
      object("helm.toolkit.fluxcd.io/v2", "HelmRelease", {
        spec: { chart: { spec: { chart: "cilium", version } }, values: given },
      });
    expect(await first(release("1.18.6"))).toMatchObject({ cilium: "1.18.6" });
    expect((await first(release("1.18.x")))?.cilium).toMatch(/^1\.18\./);
  });

  test.each([
    [
      "another kind",
      object("example.com/v1", "Addon", { spec: { helm: [{ override: text }] } }),
      "holds values of Cilium's chart at spec.helm[0].override",
    ],
    [
      "a template with conditions",
      object("addons.cluster.x-k8s.io/v1alpha1", "HelmChartProxy", {
        spec: { valuesTemplate: `{{ if .x }}\n${text}{{ end }}` },
      }),
      "spec.valuesTemplate is a template",
    ],
    [
      "a release packed by Helm",
      {
        ...object("v1", "Secret", { type: "helm.sh/release.v1" }),
        metadata: { name: "sh.helm.release.v1.cilium.v3" },
      },
      "data.release",
    ],
    [
      "a Secret",
      object("v1", "Secret", { data: { "values.yaml": Buffer.from(text).toString("base64") } }),
      "at data.values.yaml, in base64",
    ],
    ["values deep in a file", { mesh: { sites: [given] } }, "at mesh.sites[0]"],
  ])("%s is refused by name, with the place", async (_, document, message) => {
    await expect(first(document)).rejects.toThrow(message);
    await expect(first(document)).rejects.toThrow("alpha.yaml");
  });
});

describe("sysdumps", () => {
  const dump = (cluster: string): ExampleEntry[] =>
    entriesOf(exampleDump({ cluster })).map((e) => ({
      ...e,
      name: e.name.replace(/^d\//, `${cluster}-dump/`),
    }));
  const saved = (name: string, content: Buffer): string => {
    const path = join(tempFolder("source"), name);
    writeFileSync(path, content);
    return path;
  };
  const unpacked = (entries: readonly ExampleEntry[]): string =>
    folderOf(Object.fromEntries(entries.map((e) => [e.name, e.content.toString("utf8")])));

  test("a zip, a tar, a tar.gz by another name and unpacked folders say the same", async () => {
    const both = [...dump("c1"), ...dump("c2")];
    const forms = [
      [saved("c1.zip", zipOf(dump("c1"))), saved("c2.tar", tarOf(dump("c2")))],
      [saved("both.txt", gzipSync(tarOf(both)))],
      [unpacked(both)],
      [join(unpacked(both), "c1-dump"), `c2=${join(unpacked(both), "c2-dump")}`],
    ];
    const [first, ...others] = await Promise.all(
      forms.map(async (paths) => (await readSource(paths)).map((c) => ({ ...c, sources: [] }))),
    );
    expect(first?.map((c) => [c.name, c.cilium, c.workers, c.pods.length, c.notes])).toEqual([
      ["c1", "1.20.2", 2, 2, []],
      ["c2", "1.20.2", 2, 2, []],
    ]);
    for (const other of others) expect(other).toEqual(first);
  });

  test("a list that could not be read is told; another name than the dump's is refused", async () => {
    const damaged = dump("c1").map((e) =>
      e.name.includes("k8s-services") ? { ...e, content: Buffer.from("items: [") } : e,
    );
    const other = saved("c2.zip", zipOf(dump("c2")));
    const [c1] = await readSource([saved("c1.zip", zipOf(damaged)), other]);
    expect(c1?.notes).toMatchObject([
      { field: "services", inSource: expect.stringContaining("k8s-services"), inLab: "not read" },
    ]);
    await expect(readSource([`c1=${other}`])).rejects.toThrow("is from cluster c2, not c1");
  });
});

test("two clusters of one name are not mixed", async () => {
  const dir = folderOf({ "a.yaml": valuesOf("alpha", 1), "b.yaml": valuesOf("alpha", 2) });
  await expect(readSource([join(dir, "a.yaml"), join(dir, "b.yaml")])).rejects.toThrow(
    /a\.yaml has cluster alpha with id 1, .*b\.yaml with id 2/,
  );
});

test("values of another chart are no values of Cilium's, and output of `cilium config view` is read", async () => {
  const other = object("helm.toolkit.fluxcd.io/v2", "HelmRelease", {
    metadata: { name: "db", namespace: "shop" },
    spec: { chart: { spec: { chart: "postgres" } }, values: { cluster: { name: "pg" } } },
  });
  expect(await first(`${text}---\n${toYaml(other)}`)).toMatchObject({
    name: "alpha",
    others: [{ kind: "HelmRelease" }],
  });
  const view = "cluster-id         1\ncluster-name       alpha\nipam               kubernetes\nroutes  a b\n";
  expect(await first(view, "config.txt")).toMatchObject({
    name: "alpha",
    id: 1,
    podNetwork: { mode: "kubernetes" },
  });
});

describe("values as people write them", () => {
  test("numbers and booleans as text, and a pool as text", async () => {
    const alpha = await first(
      valuesOf("alpha", "1", {
        ipam: { operator: { clusterPoolIPv4PodCIDRList: "10.7.0.0/16" } },
        ipv6: { enabled: "false" },
      }),
    );
    expect(alpha).toMatchObject({
      id: 1,
      values: { ipv6: { enabled: false } },
      podNetwork: { cidrs: ["10.7.0.0/16"] },
    });
  });

  test.each([
    ["quay.io/cilium/cilium:v1.16.5-eksbuild.2@sha256:ab", "1.16.5"],
    ["docker.io/rancher/mirrored-cilium-cilium:v1.18.6", "1.18.6"],
    ["quay.io/isovalent/cilium:v1.17.3-cee.1", "1.17.3"],
  ])("the version of %s is %s, and what the vendor adds is told", async (image, version) => {
    const agent = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "cilium-x", namespace: "kube-system" },
      spec: { containers: [{ name: "cilium-agent", image }] },
    };
    const alpha = await first(`${text}---\n${toYaml(agent)}`);
    expect(alpha?.cilium).toBe(version);
    expect(alpha?.notes.some((n) => n.field === "Cilium's build")).toBe(
      image.includes("-eks") || image.includes("-cee"),
    );
  });

  test("keys with dots and repeated keys are read, and told as what the chart makes of them", async () => {
    const alpha = await first(`cluster.name: alpha\ncluster.id: 1\nMTU: 1400\nMTU: 1500\n`);
    expect(alpha).toMatchObject({ id: 1, values: { MTU: 1500 } });
    expect(alpha?.notes.map((n) => n.field)).toEqual(["key MTU", "keys with dots"]);
  });

  test("commands with --set, over several lines", async () => {
    const script =
      "#!/bin/sh\nhelm repo add cilium x\nhelm upgrade --install cilium cilium/cilium --version 1.18.6 \\\n  --set cluster.name=alpha --set-string cluster.id=1 \\\n  --set 'ipam.operator.clusterPoolIPv4PodCIDRList={10.7.0.0/16,10.8.0.0/16}' -f base.yaml\n";
    expect(await first(script, "install.sh")).toMatchObject({
      name: "alpha",
      id: 1,
      cilium: "1.18.6",
      podNetwork: { pools: ["10.7.0.0/16", "10.8.0.0/16"] },
      notes: [{ field: "values in other files" }],
    });
    expect(await first("--set cluster.name=alpha,cluster.id=3\n--set tls.x=y", "flags.txt")).toMatchObject({
      id: 3,
      values: { tls: { x: "y" } },
      notes: [],
    });
    expect(setArgument("a\\.b.c=1\\,2")).toEqual({ "a.b": { c: "1,2" } });
  });

  test("pairs of helmfile, whose `values` are a list where there is no `value`", () => {
    expect(
      setPairs([
        { name: "ipam.pools", values: ["10.1.0.0/16", "2"] },
        { name: "a", value: "1", values: ["2"] },
        { name: "b", value: "", values: ["c"] },
        { name: "d", file: "x" },
      ]),
    ).toEqual({ ipam: { pools: ["10.1.0.0/16", 2] }, a: 1, b: ["c"] });
  });

  test("several clusters in one file: objects belong to the values before them", async () => {
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "s" },
      spec: { ports: [{ port: 80 }] },
    };
    const both = [given, service, valuesOf("beta", 2)].map((d) => toYaml(d)).join("---\n");
    const dir = folderOf({ "both.yaml": both });
    const [alpha, beta] = await readSource([join(dir, "both.yaml")]);
    expect(alpha?.services.map((s) => s.metadata)).toEqual([{ name: "s", namespace: "default" }]);
    expect(beta).toMatchObject({ name: "beta", services: [] });
    const dir2 = folderOf({ "both.yaml": `${toYaml(service)}---\n${both}` });
    await expect(readSource([join(dir2, "both.yaml")])).rejects.toThrow("first document does not say");
    const named = folderOf({ "both.yaml": { alpha: given, beta: valuesOf("beta", 2) } });
    expect((await readSource([join(named, "both.yaml")])).map((c) => c.id)).toEqual([1, 2]);
  });
});

test("a folder: files without a name are of the cluster of their own folder; others are named", async () => {
  const service = { apiVersion: "v1", kind: "Service", metadata: { name: "s" }, spec: { ports: [] } };
  const dir = folderOf({
    "alpha/values.yaml": given,
    "alpha/apps/app.yaml": service,
    "beta/values.yaml": second,
    "beta/pods.yaml": { kind: "PodList", apiVersion: "v1", items: [{ metadata: { name: "p" }, spec: {} }] },
    "compose.yaml": { services: {} },
    "beta/chart.yaml": "{{- if .Values.x }}\na: {{ b }}\n{{ end }}\n",
  });
  const [alpha, beta] = await readSource([dir]);
  expect(alpha?.services).toHaveLength(1);
  expect(beta?.pods).toHaveLength(1);
  expect(beta?.notes).toEqual([]);
  // Where they lie does not tell of which cluster they are.
  expect(alpha?.notes).toMatchObject([
    { field: "file", inLab: "left out", ofNoCluster: true },
    { field: "file", inLab: "left out", ofNoCluster: true },
  ]);
  await expect(readSource([folderOf({ "x.txt": "" })])).rejects.toThrow("contains no file of a mesh");
  await expect(readSource([folderOf({ "a/main.tf": "", "x.txt": "" })])).rejects.toThrow(
    /only Terraform code, which is not executed: .*a\/main\.tf$/,
  );
});

test("variables of another tool are no values, alone, beside others, and as all that a folder holds", async () => {
  const variables = { cilium_version: "1.18.2", cilium_cluster_id: 1, kube_pods_subnet: "10.1.0.0/18" };
  const why = "has no value of Cilium's chart, only cilium_version, cilium_cluster_id, kube_pods_subnet";
  await expect(first(variables)).rejects.toThrow(why);
  const dir = folderOf({ "alpha/vars.yml": variables, "beta/vars.yml": variables });
  await expect(readSource([dir])).rejects.toThrow(
    /no file is of a mesh: .*vars\.yml: has no value of Cilium/,
  );
  await expect(readSource([`alpha=${dir}/alpha`, `beta=${dir}/beta`])).rejects.toThrow(
    "no file is of a mesh",
  );
  const mixed = folderOf({ "vars.yml": variables, "a.yaml": toYaml(valuesOf("alpha", 1)), "b.yaml": second });
  expect((await readSource([mixed])).map((c) => c.name)).toEqual(["alpha", "beta"]);
});
