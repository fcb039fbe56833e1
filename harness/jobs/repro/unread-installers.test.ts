import { expect, test } from "vitest";
import { type Files, folderOf, object, valuesOf } from "./gitops/example-files.ts";
import { draftOf } from "./plan-examples.ts";
import { readSource } from "./read-source.ts";

const good: Files = { "bos/values.yaml": valuesOf("bos", 1), "phl/values.yaml": valuesOf("phl", 2) };
const filesNamed = async (files: Files): Promise<string[]> =>
  (await draftOf({ ...good, ...files })).differences.filter((d) => d.field === "file").map((d) => d.inSource);

test.each([
  [
    "bos/main.tf",
    'resource "helm_release" "cilium" {\n set {\n  name = "cluster.id"\n  value = 9\n }\n}\n',
    "cluster.id",
  ],
  [
    "bos/up.ps1",
    "helm upgrade cilium cilium/cilium `\n --set clustermesh.useAPIServer=true\n",
    "clustermesh.useAPIServer",
  ],
  ["Makefile", "up:\n\thelm upgrade --install cilium cilium/cilium -f values.yaml\n", "installs Cilium"],
  [
    "bos/helm.tf",
    'resource "helm_release" "cilium" {\n values = [file("values.yaml")]\n}\n',
    "installs Cilium",
  ],
])("a program beside values is named, as it may install others: %s", async (name, text, what) => {
  expect(await filesNamed({ [name]: text })).toEqual([expect.stringContaining(what)]);
});

test("programs that say nothing of Cilium's chart are not", async () => {
  const files = {
    "a.tf": 'resource "x" "y" {}\n',
    "b.py": "cluster.name = 'cilium'\n",
    "c.md": "cilium install --set a=b\n",
  };
  expect(await filesNamed(files)).toEqual([]);
});

const site = "sites/site.yaml";
test.each([
  [
    "Helmsman",
    { metadata: {}, apps: { cilium: { valuesFile: site, set: { "cluster.id": "0" } } } },
    "apps.cilium.set",
  ],
  [
    "Skaffold",
    {
      ...{ apiVersion: "skaffold/v4beta11", kind: "Config", metadata: { name: "x" } },
      deploy: { helm: { releases: [{ name: "cilium", setValues: { "clustermesh.useAPIServer": true } }] } },
    },
    "deploy.helm.releases[0].setValues",
  ],
  [
    "Zarf",
    {
      ...{ kind: "ZarfPackageConfig", metadata: { name: "x" } },
      components: [{ charts: [{ name: "cilium", variables: [{ name: "ID", path: "cluster.id" }] }] }],
    },
    "components[0].charts[0].variables[0]",
  ],
  [
    "a program without metadata",
    { chart: "cilium", releases_: [{ name: "cluster.name", value: "nyc" }] },
    "releases_[0]",
  ],
])("pairs for --set in a file of a tool are refused with their place: %s", async (_, document, place) => {
  await expect(readSource([folderOf({ ...good, "tool.yaml": document })])).rejects.toMatchObject({
    code: "usage",
    message: expect.stringContaining(` holds values of Cilium's chart at ${place}, in force over`),
    remedy: expect.stringContaining("helm get values"),
  });
});

test("a list that only names values has no pairs", async () => {
  const document = { metadata: {}, checks: [["caution", "cluster.id"], ["clustermesh.useAPIServer"]] };
  await expect(readSource([folderOf({ ...good, "notes.yaml": document })])).resolves.toHaveLength(2);
});

test("a setting of another program that has the name of a value is none", async () => {
  const search = { services: { node1: { environment: ["cluster.name=opensearch", "ipam.mode=x"] } } };
  await expect(readSource([folderOf({ ...good, "compose.yml": search })])).resolves.toHaveLength(2);
});

test("a file of cloud-init in base64 is refused with its place", async () => {
  const text = Buffer.from(
    "kind: HelmChartConfig\nspec:\n  valuesContent: |-\n    cluster:\n      id: 3\n    ipam:\n      mode: x\n",
  );
  const files = [{ path: "/var/lib/rancher/x.yaml", encoding: "b64", content: text.toString("base64") }];
  await expect(readSource([folderOf({ ...good, "user-data.yaml": { write_files: files } })])).rejects.toThrow(
    "holds values of Cilium's chart at write_files[0].content",
  );
});

test("an object that two files of a cluster have is one object, and the last one counts", async () => {
  const cart = (port: number): object =>
    object("v1", "Service", { spec: { selector: { app: "cart" }, ports: [{ port }] } }, "cart");
  const clusters = await readSource([
    folderOf({ ...good, "bos/a.yaml": cart(80), "bos/b/cart.yaml": cart(81), "phl/a.yaml": cart(80) }),
  ]);
  expect(clusters.map((c) => c.services.map((s) => s.spec?.ports))).toEqual([
    [[{ port: 81 }]],
    [[{ port: 80 }]],
  ]);
});

test.each(["#{Cluster.Id}#", "__CLUSTER_ID__", "@CLUSTER_ID@", "###ZARF_VAR_ID###", "%ID%"])(
  "a mark that a program replaces is a placeholder: %s",
  async (id) => {
    const files = { ...good, "bos/values.yaml": { cluster: { name: "bos", id } } };
    await expect(draftOf(files)).rejects.toThrow("of bos, a placeholder");
  },
);
