import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import { entriesOf, exampleDump, exampleTime, zipOf } from "#harness/evidence/sysdump/examples.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import { type CheckReport, checkFiles } from "./check.ts";

const folder = tempFolder("check-archives");
let count = 0;
function fileOf(...documents: readonly object[]): string {
  count += 1;
  const path = join(folder, `${count}.yaml`);
  writeFileSync(path, documents.map((d) => toYaml(d)).join("---\n"));
  return path;
}
const policyOf = (name: string, spec: object): object => ({
  apiVersion: "cilium.io/v2",
  kind: "CiliumNetworkPolicy",
  metadata: { name, namespace: "shop" },
  spec,
});
const of = ({ findings }: CheckReport, id: string): CertificateFinding[] =>
  findings.filter((f) => f.id === id);

/** Of a healthy cluster, as the Cilium CLI writes it. */
async function archive(cluster: string, more: Readonly<Record<string, string>> = {}): Promise<string> {
  count += 1;
  const path = join(folder, `${cluster}-${count}.zip`);
  const at = (name: string): string => `d/${name}-${exampleTime}.yaml`;
  const files = Object.entries(more).map(([name, text]) => [at(name), text]);
  writeFileSync(path, zipOf(entriesOf({ ...exampleDump({ cluster }), ...Object.fromEntries(files) })));
  return path;
}
const listOf = (...items: readonly object[]): string => toYaml({ apiVersion: "v1", kind: "List", items });
const down = { from: undefined, to: "1.18.11" };
const open = policyOf("open", { endpointSelector: {}, ingress: [{ fromEndpoints: [{}] }] });

test("policies in them are judged, and one that is none is named beside the others", async () => {
  const odd = { ...policyOf("odd", {}), specs: {} };
  const path = await archive("c1", { ciliumnetworkpolicies: listOf(open, odd) });
  const report = await checkFiles([path], down);
  expect(of(report, "policy-changes-meaning")).toMatchObject([
    { message: expect.stringContaining("CiliumNetworkPolicy shop/open, spec.ingress[0]") },
  ]);
  expect(report.unread.map((u) => u.message)).toContainEqual(
    "CiliumNetworkPolicy shop/odd of c1 could not be read: specs: expected array, found object",
  );
});

test("loose files beside one are judged with it, and take the place of objects with their names", async () => {
  const path = await archive("c1", { ciliumnetworkpolicies: listOf(open) });
  const labels = { matchLabels: { "io.cilium.k8s.policy.cluster": "c1" } };
  const named = policyOf("open", { endpointSelector: {}, ingress: [{ fromEndpoints: [labels] }] });
  const other = policyOf("other", { endpointSelector: {}, egress: [{ toEndpoints: [{}] }] });
  const report = await checkFiles([path, `c1=${fileOf(named, other)}`], down);
  expect(of(report, "policy-changes-meaning")).toMatchObject([
    { message: expect.stringContaining("shop/other") },
  ]);
});

test("one with its cluster's name is one all the same, also inside a folder", async () => {
  const path = await archive("c1", {
    ciliumnodeconfigs: listOf({
      metadata: { name: "edge", namespace: "kube-system" },
      spec: { defaults: { "vtep-sync-interval": "1m" } },
    }),
  });
  const inside = join(folder, `folder-${count}`);
  mkdirSync(inside);
  copyFileSync(path, join(inside, "c1.zip"));
  for (const given of [path, `c1=${path}`, inside])
    expect(of(await checkFiles([given], down), "setting-removed"), given).toMatchObject([
      { message: expect.stringContaining("CiliumNodeConfig edge") },
    ]);
  await expect(checkFiles([`c2=${path}`], down)).rejects.toThrow("is not from cluster c2, but from c1");
});

test("certificates that a mesh must have and that nothing showed are unread", async () => {
  const deployment = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "clustermesh-apiserver", namespace: "kube-system" },
    spec: { replicas: 1 },
    status: { readyReplicas: 1 },
  };
  const mesh = { "clustermesh-apiserver-deployment": toYaml(deployment) };
  const certificate = (name: string): object => ({
    apiVersion: "cert-manager.io/v1",
    kind: "Certificate",
    metadata: { name, namespace: "kube-system" },
    spec: { secretName: name, commonName: "mesh", issuerRef: { name: "ca" } },
    status: { notAfter: "2026-12-01T00:00:00Z" },
  });
  const made = { "clustermesh-certificates": listOf(certificate("clustermesh-apiserver-server-cert")) };
  const unreadIn = async (more: Record<string, string>): Promise<CheckReport> =>
    checkFiles([await archive("c1", { ...mesh, ...more })], down);
  const without = await unreadIn({});
  expect(without.unread.map((u) => u.message)).toContainEqual(
    expect.stringMatching(/^when certificates of c1 expire is not known: .*cilium-ca, .*server-cert$/),
  );
  const with_ = await unreadIn(made);
  expect(of(with_, "certificate-expires")).toMatchObject([
    { grade: "caution", message: expect.stringContaining("CN=mesh of Certificate clustermesh") },
  ]);
  expect(with_.unread.map((u) => u.message)).toContainEqual(expect.stringMatching(/Secret cilium-ca$/));
  expect((await checkFiles([await archive("c1")], down)).unread.map((u) => u.message)).not.toContainEqual(
    expect.stringContaining("certificates"),
  );
});

test("a version that runs already, or another one than --from says", async () => {
  const path = await archive("c1");
  await expect(checkFiles([path], { from: undefined, to: "1.20.2" })).rejects.toMatchObject({
    code: "usage",
    message: "Cilium 1.20.2 runs already in c1",
  });
  const { unread } = await checkFiles([path], { from: "1.19.7", to: "1.20.2" });
  expect(unread.map((u) => u.message)).toContain(
    "c1 runs Cilium 1.20.2 by what was read: the answer is for --from 1.19.7",
  );
});

test("agents of several versions are judged as one, and that is said", async () => {
  const name = `d/k8s-pods-${exampleTime}.yaml`;
  const pods = exampleDump()[name] ?? "";
  const last = pods.lastIndexOf("v1.20.2");
  const mixed = `${pods.slice(0, last)}v1.20.0${pods.slice(last + "v1.20.2".length)}`;
  const report = await checkFiles([await archive("c1", { "k8s-pods": mixed })], down);
  expect(report.unread.map((u) => u.message)).toContain(
    "Cilium of c1 is not certain: agents of several versions: v1.20.2, v1.20.0 (judged as 1.20.2)",
  );
});

test("a fault of now is judged by what runs, whatever --from says", async () => {
  const report = await checkFiles([await archive("c1")], { from: "1.16.3", to: "1.18.11" });
  expect(of(report, "mesh-unhealthy")).toEqual([]);
});

test("an empty list is a file of the mesh, and does not say which objects do not exist", async () => {
  const values = { cluster: { name: "a", id: 1 }, image: { tag: "v1.18.11" } };
  const empty = fileOf({ apiVersion: "v1", kind: "List", items: [] });
  const none = fileOf({ apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicyList", items: null });
  for (const list of [empty, none]) {
    const { unread } = await checkFiles([fileOf(values), `a=${list}`], { from: undefined, to: "1.19.7" });
    expect(unread.map((u) => u.message)).toEqual([
      expect.stringContaining(`policies of a were not given (${list} holds an empty list`),
    ]);
  }
});
