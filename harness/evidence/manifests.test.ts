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
  ["no policy", "x: 1\n", /p\.yaml holds no NetworkPolicy/],
  ["a template", "{{- if .Values.x }}\na: {{ b }}\n{{ end }}\n", /p\.yaml is not YAML/],
])("%s is refused with the file's name", async (_, text, message) => {
  const dir = folderOf({ "p.yaml": text });
  await expect(askWhatIf(question, { lab: "none", paths: [join(dir, "p.yaml")] })).rejects.toThrow(message);
});

const workload = (kind: string, name: string, more = "", spec = ""): string =>
  `apiVersion: apps/v1
kind: ${kind}
metadata: {name: ${name}, namespace: shop${more}}
spec: {${spec}template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: c, image: x}]}}}
`;

/** What the selectors of alpha's policy match in beta. */
async function inBeta(files: Readonly<Record<string, string>>, labels?: string) {
  const [alpha, beta] = [folderOf({ "p.yaml": policy("one", labels) }), folderOf(files)];
  const report = await askWhatIf(question, { lab: "none", paths: [`alpha=${alpha}`, `beta=${beta}`] });
  return report.clusters[0]?.changes[0]?.remote;
}

test("a peer without a policy is accepted, and its workloads count with their replicas", async () => {
  const documents = [
    workload("Deployment", "web", "", "replicas: 2, "),
    // As `kubectl get all` prints it; and an overlay of the same Deployment.
    workload("ReplicaSet", "web-1", ", ownerReferences: [{kind: Deployment, name: web}]", "replicas: 2, "),
    workload("Deployment", "web", "", "replicas: 3, "),
    workload("StatefulSet", "db"),
    workload("Rollout", "canary", "", "replicas: 0, "),
  ];
  expect(await inBeta({ "w.yaml": documents.join("---\n") })).toEqual({
    access: "lose",
    count: 4,
    names: ["beta/shop/web (Deployment, 3 replicas)", "beta/shop/db (StatefulSet, 1 replica)"],
  });
});

test("pods among the files count instead of their workload", async () => {
  const pod = "kind: Pod\nmetadata: {name: web-x, namespace: shop, labels: {app: cart, hash: x}}\nspec: {}\n";
  expect(
    await inBeta({ "w.yaml": `${workload("Deployment", "web", "", "replicas: 2, ")}---\n${pod}` }),
  ).toMatchObject({ count: 1, names: ["beta/shop/web-x"] });
});

test.each([
  [
    "a DaemonSet",
    workload("DaemonSet", "log"),
    "DaemonSet beta/shop/log has one pod for each node, and counts as one",
  ],
  [
    "a chart that is not rendered",
    "kind: HelmRelease\nmetadata: {name: web}\nspec: {}\n",
    "workloads of beta not counted: those that HelmRelease web will make",
  ],
  [
    "no workload",
    "kind: Namespace\nmetadata: {name: shop}\n",
    "workloads of beta not counted: no Pod and no workload among the files",
  ],
])("the answer is incomplete with %s", async (_, text, incomplete) => {
  expect(await inBeta({ "w.yaml": text })).toMatchObject({ incomplete });
});

test("a namespace's name needs no Namespace among the files, and its other labels do", async () => {
  const files = { "w.yaml": workload("Deployment", "web") };
  const key = "io.cilium.k8s.namespace.labels";
  for (const labels of [`{${key}.kubernetes.io/metadata.name: shop}`, "{io.kubernetes.pod.namespace: shop}"])
    expect(await inBeta(files, labels)).toEqual({
      access: "lose",
      count: 1,
      names: ["beta/shop/web (Deployment, 1 replica)"],
    });
  expect(await inBeta(files, `{${key}.team: red}`)).toMatchObject({
    count: 0,
    incomplete: "namespaces of beta: no Namespace shop among the files",
  });
});

test("folders of evidence and archives are left to their readers", async () => {
  expect(await readManifests(folderOf({ "east/pods.json": "[]", "east/x.yaml": policy("a") }))).toBe(
    undefined,
  );
  expect(await readManifests(join(folderOf({ "x.zip": "" }), "x.zip"))).toBe(undefined);
});
