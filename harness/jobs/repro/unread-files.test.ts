import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Files, folderOf, object, valuesOf } from "./gitops/example-files.ts";
import { draftOf } from "./plan-examples.ts";
import { readSource } from "./read-source.ts";

const good: Files = { "bos/values.yaml": valuesOf("bos", 1), "phl/values.yaml": valuesOf("phl", 2) };
const conflict =
  "cluster:\n  name: nyc\n<<<<<<< HEAD\n  id: 3\n=======\n  id: 4\n>>>>>>> main\nipam: { mode: kubernetes }\n";
const encrypted = { cluster: { name: "ENC[AES256_GCM,data:x]" }, clustermesh: {}, sops: { version: "3" } };

describe("a file of a folder that cannot be read", () => {
  test.each([
    [
      "a merge conflict",
      "nyc/values.yaml",
      conflict,
      "holds a merge conflict of git (its marker is in line 3)",
    ],
    [
      "JSON that was cut off",
      "nyc.json",
      '{"cluster":{"name":"nyc","id":3},"ipam":{"mode":"kub',
      "ends early: its JSON is not complete",
    ],
    [
      "a policy",
      "p.yaml",
      "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: [\n",
      "is not YAML",
    ],
    ["values of SOPS", "nyc/values.yaml", encrypted, "is encrypted by SOPS"],
  ])("is refused, if the mesh would lack what it holds: %s", async (_, name, content, why) => {
    const dir = folderOf({ ...good, [name]: content });
    await expect(readSource([dir])).rejects.toThrow(`${join(dir, name)} ${why}`);
  });

  test.each([
    ["of another program", { "nyc/compose.yaml": "services: [\n" }],
    ["with secrets beside values", { "nyc/secrets.yaml": { ...encrypted, cluster: undefined } }],
    ["a template", { "nyc/x.yaml": "ipam: {{ .Values.x }}\n{% if a %}\nb: [\n" }],
  ])("is named, and given to no cluster, if it is %s", async (_, files: Files) => {
    const { differences } = await draftOf({ ...good, ...files });
    const [name = ""] = Object.keys(files);
    expect(differences.filter((d) => d.field === "file")).toMatchObject([
      { cluster: "unknown cluster", inSource: expect.stringContaining(name), inLab: "left out" },
    ]);
  });

  test("is of the cluster of its folder, if that was given", async () => {
    const dir = folderOf({ ...good, "bos/compose.yaml": "services: [\n" });
    const [bos] = await readSource([`bos=${dir}/bos`, `phl=${dir}/phl`]);
    expect(bos?.notes).toMatchObject([{ field: "file" }]);
    expect(bos?.notes[0]).not.toHaveProperty("ofNoCluster");
  });

  test("each is named in a line of its own, with names that no lab can have", async () => {
    const dir = folderOf({
      ...good,
      "a.yaml": conflict,
      "b.yaml": valuesOf("../../owned", 5),
      "c.yaml": encrypted,
    });
    const error = await readSource([dir]).catch((e: unknown) => e);
    const lines = String((error as Error).message)
      .split("\n")
      .slice(1);
    expect(lines).toEqual([
      expect.stringContaining("a.yaml holds a merge conflict"),
      expect.stringContaining("b.yaml has the invalid cluster name"),
      expect.stringContaining("c.yaml is encrypted"),
    ]);
  });
});

describe("what tools hold only a part of", () => {
  const variables = { cilium_version: "1.18.6", cilium_cluster_id: 5, kube_pods_subnet: "10.233.64.0/18" };

  test("variables of kubespray, of which values of the chart are a part", async () => {
    const dir = folderOf({
      ...good,
      "gra.yml": { ...variables, cilium_extra_values: { clustermesh: { useAPIServer: true } } },
    });
    await expect(readSource([dir])).rejects.toMatchObject({
      message: expect.stringMatching(
        /gra\.yml holds variables of Ansible, .* at cilium_extra_values are only a part/,
      ),
      remedy: expect.stringContaining("kubectl get configmap cilium-config"),
    });
  });

  test("without values of the chart they are named", async () => {
    const { differences } = await draftOf({ ...good, "gra.yml": variables });
    expect(differences.filter((d) => d.field === "file").map((d) => d.inSource)).toEqual([
      expect.stringContaining("cilium_cluster_id, kube_pods_subnet: variables of Ansible"),
    ]);
  });

  test("output of Terraform, and a release packed by Helm", async () => {
    const shown = {
      terraform_version: "1.9.0",
      values: { root_module: { resources: [{ values: { values: ["ipam:\n  mode: eni\n"] } }] } },
    };
    await expect(readSource([folderOf({ ...good, "x.json": JSON.stringify(shown) })])).rejects.toMatchObject({
      message: expect.stringContaining("which `set` of the same resource may change"),
      remedy: expect.stringMatching(/^give what `helm get values .* of each cluster$/),
    });
    const packed = {
      ...object("v1", "Secret", { type: "helm.sh/release.v1", data: { release: "SDRz" } }),
      metadata: { name: "sh.helm.release.v1.cilium.v3", namespace: "kube-system" },
    };
    await expect(readSource([folderOf({ ...good, "x.yaml": packed })])).rejects.toMatchObject({
      remedy: expect.stringMatching(/of each cluster; without Helm, .*base64 -d \| base64 -d \| gunzip/),
    });
  });
});

test("an object that has a line of its own has no second one", async () => {
  const policy = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata:\n  name: x\nspec: {}\n";
  const mapOf = (name: string, data: object): object => ({
    ...object("v1", "ConfigMap", { data }),
    metadata: { name, namespace: "shop" },
  });
  const maps = [mapOf("policies", { "orders.yaml": policy }), mapOf("other", { a: "b" })];
  const { differences } = await draftOf({ ...good, "bos/maps.yaml": maps });
  const fields = differences.map((d) => d.field);
  expect(fields.filter((f) => f === "policies in other objects")).toHaveLength(1);
  expect(differences.filter((d) => d.field === "ConfigMap").map((d) => d.inSource)).toEqual(["shop/other"]);
});
