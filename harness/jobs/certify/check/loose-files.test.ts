import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type CertificateAuthority, clientCertificate, makeCa } from "#harness/cilium/install/ca.ts";
import { checkExitCode, checkFiles } from "./check.ts";
import { check, fileOf, of, policyOf, valuesOf } from "./check-examples.ts";

const up = { from: "1.19.7", to: "1.20.2" };
const checked = (...files: string[]) => checkFiles(files, up);
const config = (data: object): object => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "cilium-config", namespace: "kube-system" },
  data,
});

describe("a mesh that no lab can have is judged as a whole", () => {
  test("names and ids that are none are findings, each", async () => {
    const report = await checked(
      fileOf({ ...valuesOf("a"), cluster: { name: "a_1", id: "x" } }),
      fileOf(config({ "cluster-name": "b_2", "cluster-id": "900" })),
      fileOf({ ...valuesOf("b"), cluster: { name: "lab", id: 3 } }),
    );
    expect(report.clusters.map((c) => c.name)).toEqual(["a_1", "b_2", "lab"]);
    expect(of(report, "value-refused").map((f) => f.message)).toEqual([
      expect.stringMatching(/^a_1: .*cluster\.id/),
      expect.stringMatching(/^a_1: .*cluster\.name/),
    ]);
    expect(of(report, "cluster-id").map((f) => f.message)).toEqual([
      expect.stringMatching(/^b_2: cluster name: only lower-case/),
      expect.stringMatching(/^b_2: cluster id: 900/),
    ]);
    expect(checkExitCode(report, "caution")).toBe(1);
  });

  test("a key that stands twice", async () => {
    const report = await check(up, { values: {} });
    expect(report.findings.some((f) => f.message.includes("twice"))).toBe(false);
    const text = fileOf({ ...valuesOf("a"), x: "@" });
    writeFileSync(text, readFileSync(text, "utf8").replace('x: "@"', "clustermesh: { useAPIServer: false }"));
    const twice = await checked(text, fileOf(valuesOf("b")));
    expect(of(twice, "value-ignored")).toMatchObject([
      { grade: "caution", message: expect.stringMatching(/^a: key clustermesh stands twice .*the last one/) },
    ]);
  });

  test("addresses of pods that nothing tells are not read", async () => {
    const cloud = (name: string, more: object): string =>
      fileOf({ ...valuesOf(name), ipam: { mode: "kubernetes" }, ...more });
    const report = await checked(
      cloud("a", { cni: { chainingMode: "aws-cni" } }),
      cloud("b", { eni: { enabled: true }, ipam: { mode: "eni" } }),
    );
    expect(report.unread.map((u) => u.message).filter((m) => m.startsWith("pod CIDRs"))).toEqual([
      expect.stringMatching(/of a .*chaining to the AWS CNI/),
      expect.stringMatching(/of b .*ipam eni/),
    ]);
  });

  test("`helm list` says which version runs, and makes no cluster", async () => {
    const list = fileOf([{ name: "cilium", revision: "3", status: "deployed", chart: "cilium-1.18.6" }]);
    const report = await checkFiles([fileOf(valuesOf("a")), `a=${list}`], { from: undefined, to: "1.20.2" });
    expect(report.clusters).toEqual([{ name: "a", from: "1.18.6" }]);
    const other = await checkFiles([fileOf(valuesOf("a")), `c=${list}`], { from: "1.19.7", to: "1.20.2" });
    expect(other.clusters).toEqual([{ name: "a", from: "1.19.7" }]);
    expect(other.unread.map((u) => u.message)).toContainEqual(
      expect.stringMatching(/1\.18\.6 by `helm list`.*cluster c/),
    );
  });

  test("of a version that no table has, a value that no chart has is no loss", async () => {
    const report = await checkFiles([fileOf(valuesOf("a", { hostPort: { enabled: true } }))], {
      from: "1.11.9",
      to: "1.20.2",
    });
    expect(of(report, "value-ignored")).toMatchObject([
      {
        grade: "caution",
        message: expect.stringContaining("whether the version that runs reads it is not known"),
      },
    ]);
  });
});

describe("objects that stand for others are named, and not judged", () => {
  test.each([
    [
      "policies of a generator",
      {
        kind: "ClusterPolicy",
        spec: { rules: [{ generate: { kind: "NetworkPolicy", data: { spec: {} } } }] },
      },
      /policies in other objects .*ClusterPolicy x .*spec\.rules\[0\]\.generate/,
    ],
    [
      "policies as a text",
      { kind: "Bundle", spec: { text: "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n" } },
      /policies in other objects .*Bundle x .*spec\.text/,
    ],
    [
      "a certificate that is in another program",
      { kind: "ExternalSecret", spec: { target: { name: "clustermesh-apiserver-server-cert" } } },
      /certificates of the mesh .*ExternalSecret x .*clustermesh-apiserver-server-cert/,
    ],
  ])("%s", async (_, object, message) => {
    const report = await check(up, {
      objects: [{ apiVersion: "example.com/v1", metadata: { name: "x" }, ...object }],
    });
    expect(report.unread.map((u) => u.message)).toContainEqual(expect.stringMatching(message));
  });

  test("a policy of nothing", async () => {
    const { spec: _, ...empty } = policyOf("empty", {}) as Record<string, unknown>;
    const report = await check({ from: "1.18.11", to: "1.19.7" }, { objects: [empty] });
    expect(report.unread.map((u) => u.message)).toContainEqual(
      expect.stringMatching(/CiliumNetworkPolicy shop\/empty of a is no policy: .*neither spec nor specs/),
    );
  });
});

describe("a CA that another cluster does not trust", () => {
  const clientOf = (ca: CertificateAuthority) =>
    clientCertificate(ca, "remote", { fromMs: Date.now() - 1000, untilMs: Date.now() + 1e10 });
  const secret = (crt: string): object => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "clustermesh-apiserver-remote-cert", namespace: "kube-system" },
    stringData: { "tls.crt": crt },
  });
  const values = (name: string, peer: object, tls: object): string =>
    fileOf({
      ...valuesOf(name),
      tls,
      clustermesh: { useAPIServer: true, config: { enabled: true, clusters: [peer] } },
    });

  test("is serious, also if both have one name; a bundle ends it, and caCert alone does not", async () => {
    const [one, two] = await Promise.all([makeCa("CA"), makeCa("CA")]);
    const [leafA, leafB] = await Promise.all([clientOf(one), clientOf(two)]);
    const bundle = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "cilium-root-ca.crt", namespace: "kube-system" },
      data: { "ca.crt": one.cert + two.cert },
    };
    const report = await checked(
      values("a", { name: "b", tls: { caCert: two.cert } }, { ca: { cert: one.cert } }),
      `a=${fileOf(secret(leafA.cert))}`,
      values("b", { name: "a" }, { caBundle: { enabled: true } }),
      `b=${fileOf(secret(leafB.cert), bundle)}`,
    );
    expect(of(report, "cluster-settings")).toMatchObject([
      {
        grade: "serious",
        message: expect.stringMatching(/^a: CA of b: a does not trust it.*caCert of b, has no effect/),
      },
    ]);
    const own = { caCert: two.cert, cert: "x", key: "z" };
    const trusted = await checked(
      values("a", { name: "b", tls: own }, { ca: { cert: one.cert } }),
      values("b", { name: "a" }, {}),
      `b=${fileOf(secret(leafB.cert))}`,
    );
    expect(of(trusted, "cluster-settings")).toEqual([]);
  });

  test("is said of a cluster's own certificates too, serious where the chart reads them", async () => {
    const [one, two] = await Promise.all([makeCa("CA"), makeCa("CA")]);
    const [own, other] = await Promise.all([clientOf(one), clientOf(two)]);
    const base64 = (pem: string): string => Buffer.from(pem).toString("base64");
    const tls = (cert: string, auto: object) => ({
      ...valuesOf("a"),
      tls: { ca: { cert: base64(one.cert) } },
      clustermesh: { useAPIServer: true, apiserver: { tls: { server: { cert: base64(cert) }, ...auto } } },
    });
    const found = async (cert: string, auto: object = {}) =>
      of(await checked(fileOf(tls(cert, auto)), fileOf(valuesOf("b"))), "cluster-settings");
    expect(await found(own.cert)).toEqual([]);
    const message = expect.stringMatching(/^a: certificates of another CA: .*apiserver\.tls\.server\.cert/);
    expect(await found(other.cert)).toMatchObject([{ grade: "caution", message }]);
    expect(await found(other.cert, { auto: { enabled: false } })).toMatchObject([
      { grade: "serious", message },
    ]);
  });

  test("of several clusters, those that give one are compared, whatever form it has", async () => {
    const [one, two] = await Promise.all([makeCa("CA"), makeCa("CA")]);
    const withCa = (name: string, cert: string) => fileOf({ ...valuesOf(name), tls: { ca: { cert } } });
    const base64 = Buffer.from(one.cert).toString("base64");
    expect(of(await checked(withCa("a", one.cert), withCa("b", base64)), "cluster-settings")).toEqual([]);
    const third = { ...valuesOf("c"), cluster: { name: "c", id: 3 } };
    const report = await checked(withCa("a", one.cert), withCa("b", two.cert), fileOf(third));
    expect(of(report, "cluster-settings")).toMatchObject([
      { grade: "caution", message: expect.stringMatching(/^a, b: CA differs: .*one in a; another in b/) },
    ]);
  });
});
