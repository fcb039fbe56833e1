import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { keysBeside } from "#harness/semantics/chart-values.ts";
import { type LabDraft, labOf } from "./lab-of.ts";
import { readSource } from "./read-source.ts";

/** A lab of a folder with these files. */
async function draftOf(
  files: Readonly<Record<string, object | readonly object[]>>,
  cilium = "1.18.6",
): Promise<LabDraft> {
  const dir = tempFolder("lab-of");
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    const documents: readonly object[] = Array.isArray(content) ? content : [content];
    writeFileSync(join(dir, name), documents.map((d) => toYaml(d)).join("---\n"));
  }
  return labOf(await readSource([dir]), [], { "": cilium });
}
const told = ({ differences }: LabDraft): string[] =>
  differences
    .filter((d) => (d.part === "other" || d.part === "unavailable") && d.difference !== "")
    .map((d) => `${d.field}: ${d.inSource} [${d.matters}]`);
const valuesOf = (name: string, id: number, more: object = {}): object => ({
  cluster: { name, id },
  ipam: { mode: "kubernetes" },
  ...more,
});

test("an id that the lab's clusters cannot have is another one, and named as wrong in the source", async () => {
  const { clusters, differences } = await draftOf({
    "a.yaml": valuesOf("a", 300),
    "b.yaml": valuesOf("b", 1),
  });
  expect(clusters.map((c) => c.id)).toEqual([2, 1]);
  expect(differences).toContainEqual(
    expect.objectContaining({ part: "source", inSource: expect.stringContaining("300: ") }),
  );
  const most = { clustermesh: { maxConnectedClusters: 511 } };
  const more = { "a.yaml": valuesOf("a", 300, most), "b.yaml": valuesOf("b", 1, most) };
  expect((await draftOf(more)).clusters.map((c) => c.id)).toEqual([300, 1]);
});

test("the refusal of a cluster whose values are replaced says which, and what to write", async () => {
  const dir = tempFolder("replaced");
  const chart = { name: "cilium", version: "1.18.6", valuesFile: "v.yaml", valuesMerge: "replace" };
  const files = {
    "a/kustomization.yaml": { helmCharts: [{ ...chart, valuesInline: { MTU: 1400 } }] },
    "a/v.yaml": valuesOf("a", 1),
    "b.yaml": valuesOf("b", 2),
  };
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), toYaml(content));
  }
  const source = await readSource([`a=${dir}/a`, join(dir, "b.yaml")]);
  const made = Promise.resolve(source).then((s) => labOf(s, [], { "": "1.18.6" }));
  await expect(made).rejects.toMatchObject({
    code: "usage",
    message: expect.stringMatching(
      /no cluster\.id of a; valuesFile of helmCharts\[0\] of .*kustomization\.yaml: v\.yaml is not used, because valuesMerge is replace: .* write it in valuesInline, or set valuesMerge to override or merge/,
    ),
    remedy: expect.stringContaining("if the id is among what is not used, write it where it is read"),
  });
});

test("a null is a value that is not set, and the chart's own values are one line", async () => {
  const nulls = { cni: { chainingMode: null }, loadBalancer: null, upgradeCompatibility: null, maglev: {} };
  expect(told(await draftOf({ "a.yaml": valuesOf("a", 1, nulls), "b.yaml": valuesOf("b", 2) }))).toEqual([
    "value maglev: {} [no]",
  ]);
  const top = keysBeside("any", "1.20.2").filter(
    (k) => !/^(cluster|clustermesh|ipam|tunnel.*|l7Proxy)$/.test(k),
  );
  const all = Object.fromEntries(top.map((key) => [key, false]));
  const lines = told(await draftOf({ "a.yaml": valuesOf("a", 1, all), "b.yaml": valuesOf("b", 2) }));
  expect(lines.filter((line) => /^\d+ other values: /.test(line))).toHaveLength(1);
  expect(lines.length).toBeLessThan(8);
});

test("the old value of the MCS-API puts it on where the chart still reads it", async () => {
  const old = { clustermesh: { enableMCSAPISupport: true } };
  const files = {
    "a.yaml": [
      valuesOf("a", 1, old),
      {
        apiVersion: "multicluster.x-k8s.io/v1beta1",
        kind: "ServiceExport",
        metadata: { namespace: "shop", name: "cart" },
      },
    ],
    "b.yaml": valuesOf("b", 2),
  };
  const of = async (cilium: string) => {
    const { clusters, differences } = await draftOf(files, cilium);
    return {
      mcsApi: (clusters[0]?.values.clustermesh as { mcsapi?: unknown } | undefined)?.mcsapi,
      exports: clusters[0]?.manifests.filter((o) => o.kind === "ServiceExport").length,
      differs: differences.some((d) => d.field === "MCS-API differs"),
    };
  };
  expect(await of("1.19.7")).toEqual({ mcsApi: { enabled: true }, exports: 1, differs: true });
  expect(await of("1.20.2")).toEqual({ exports: 0, differs: false });
});

test("networks are those of the distribution's own configuration", async () => {
  const k0s = {
    apiVersion: "k0s.k0sproject.io/v1beta1",
    kind: "ClusterConfig",
    metadata: { name: "k0s" },
    spec: {
      network: { podCIDR: "10.91.0.0/16", serviceCIDR: "10.191.0.0/16" },
      extensions: {
        helm: {
          charts: [{ chartname: "cilium/cilium", values: toYaml(valuesOf("a", 1)), version: "1.18.5" }],
        },
      },
    },
  };
  const rke2 = { cni: "cilium", "cluster-cidr": "10.92.0.0/16", "service-cidr": "10.192.0.0/16" };
  const files = { "a.yaml": k0s, "b/config.yaml": rke2, "b/values.yaml": valuesOf("b", 2) };
  expect((await draftOf(files)).clusters.map((c) => c.kindConfig)).toMatchObject([
    { networking: { podSubnet: "10.91.0.0/16", serviceSubnet: "10.191.0.0/16" } },
    { networking: { podSubnet: "10.92.0.0/16", serviceSubnet: "10.192.0.0/16" } },
  ]);
});

test("objects that only install charts on clusters are of none of them, and named", async () => {
  const set = { apiVersion: "argoproj.io/v1alpha1", kind: "ApplicationSet", metadata: { name: "cilium" } };
  const repository = {
    apiVersion: "source.toolkit.fluxcd.io/v1",
    kind: "GitRepository",
    metadata: { name: "g" },
  };
  const draft = await draftOf({
    "apps/cilium.yaml": [set, repository],
    "a.yaml": valuesOf("a", 1),
    "b.yaml": valuesOf("b", 2),
  });
  expect(told(draft)).toEqual([
    expect.stringMatching(
      /^file: \S+cilium\.yaml: holds no values, only ApplicationSet, GitRepository \[perhaps\]$/,
    ),
  ]);
  await expect(draftOf({ "cilium.yaml": set })).rejects.toThrow("holds no values, only ApplicationSet");
});

test("a value at another place of the chart is told once, with the place", async () => {
  const draft = await draftOf({
    "a.yaml": valuesOf("a", 1, { maxConnectedClusters: 511, clusterMesh: {} }),
    "b.yaml": valuesOf("b", 2),
  });
  expect(told(draft)).toEqual([]);
  expect(
    draft.differences.filter((d) => d.part === "source").map((d) => `${d.field}: ${d.inSource}`),
  ).toEqual([
    "value maxConnectedClusters: the chart ignores it: its value is clustermesh.maxConnectedClusters",
    "value clusterMesh: the chart ignores it: its value is clustermesh",
  ]);
});

test("a lab has no ip-masq-agent: where it then masquerades what the source does not, the plan says so", async () => {
  const config = { nonMasqueradeCIDRs: ["10.0.0.0/8"] };
  const native = { routingMode: "native", ipMasqAgent: { enabled: true, config } };
  const lines = async (more: object): Promise<string[]> =>
    told(await draftOf({ "a.yaml": valuesOf("a", 1, more), "b.yaml": valuesOf("b", 2) })).filter((line) =>
      line.startsWith("ipMasqAgent"),
    );
  expect(await lines({ ...native, ipv4NativeRoutingCIDR: "10.1.0.0/16" })).toEqual([
    "ipMasqAgent: on, and not masqueraded: 10.0.0.0/8, 169.254.0.0/16 [yes]",
  ]);
  expect(await lines(native)).toEqual([expect.stringContaining("[no]")]);
  expect(await lines({ ipMasqAgent: { enabled: true } })).toEqual([expect.stringContaining("[no]")]);
});

test.each([
  ["a value", { policyEnforcementMode: "always" }],
  ["extraConfig", { extraConfig: { "enable-policy": "always" } }],
])("enforcement on everything by %s would shut off the lab's own parts, and is left out", async (_, more) => {
  const draft = await draftOf({ "a.yaml": valuesOf("a", 1, more), "b.yaml": valuesOf("b", 2) });
  expect(draft.clusters[0]?.values.policyEnforcementMode).toBe("default");
  expect(told(draft)).toContain("policyEnforcementMode: always [yes]");
});
