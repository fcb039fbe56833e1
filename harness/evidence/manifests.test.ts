import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { askWhatIf } from "#harness/jobs/diagnose.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { readManifests } from "./manifests.ts";

const question = { key: "policyDefaultLocalCluster", value: true } as const;
const policy = (name: string, labels = "{app: cart}"): string =>
  `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: ${name}, namespace: shop}
spec: {endpointSelector: {}, ingress: [{fromEndpoints: [{matchLabels: ${labels}}]}]}
`;
const config = (value: boolean): string =>
  `kind: ConfigMap
metadata: {name: cilium-config, namespace: kube-system}
data: {cluster-name: c7, policy-default-local-cluster: "${value}"}
`;

function folderOf(files: Readonly<Record<string, string>>): string {
  const dir = tempFolder("manifests");
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(dir, name, ".."), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return dir;
}

test("a folder of manifests answers the question: every file at any depth, lists too; what is no object is passed over", async () => {
  const dir = folderOf({
    "values.yaml": "clustermesh: {}\n",
    "a/b/one.yml": `${policy("one")}---\n${policy("named", "{io.cilium.k8s.policy.cluster: west}")}`,
    "list.yaml": `items:\n- ${policy("two").trim().replaceAll("\n", "\n  ")}\n`,
    "node_modules/x.yaml": policy("foreign"),
  });
  const report = await askWhatIf(question, { lab: "none", paths: [`east=${dir}`] });
  const [east] = report.clusters;
  expect(east).toMatchObject({
    cluster: "east",
    now: false,
    source: "assumed: the manifests hold no cilium-config",
  });
  expect(east?.changes.map((c) => [c.name, c.remote?.incomplete])).toEqual([
    ["one", "no data of another cluster was supplied"],
    ["two", "no data of another cluster was supplied"],
  ]);
});

test("a cilium-config among them gives the cluster's name and today's value", async () => {
  const dir = folderOf({ "p.yaml": policy("one"), "c.yaml": config(true) });
  const report = await askWhatIf(question, { lab: "none", paths: [dir] });
  expect(report.clusters).toMatchObject([{ cluster: "c7", now: true, changes: [] }]);
});

test.each([
  ["no policy", "x: 1\n", "holds no NetworkPolicy"],
  ["a template", "{{- if .Values.x }}\na: {{ b }}\n{{ end }}\n", "is not YAML"],
])("%s is refused with the file's name", async (_, text, message) => {
  const dir = folderOf({ "p.yaml": text });
  await expect(readManifests(join(dir, "p.yaml"))).rejects.toThrow(message);
});

test("folders of evidence and archives are left to their readers", async () => {
  expect(await readManifests(folderOf({ "east/pods.json": "[]", "east/x.yaml": policy("a") }))).toBe(
    undefined,
  );
  expect(await readManifests(join(folderOf({ "x.zip": "" }), "x.zip"))).toBe(undefined);
});
