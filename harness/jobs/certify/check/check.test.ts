import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { makeCa, serverCertificate } from "#harness/cilium/install/ca.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { checkExitCode, checkFiles, checkMesh } from "./check.ts";
import { check, fileOf, of, podOf, policyOf, valuesOf } from "./check-examples.ts";
import { findingIds } from "./found.ts";

const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } };
const up = { from: "1.18.11", to: "1.19.7" };

describe("policies", () => {
  const open = policyOf("open", {
    endpointSelector: { matchLabels: { app: "db" } },
    ingress: [{ fromEndpoints: [{ matchLabels: { app: "web" } }] }],
  });

  test("one without a cluster label is serious where pods of another cluster lose by it, and they are named", async () => {
    const report = await check(up, { objects: [open], others: [namespace, podOf("web-1", { app: "web" })] });
    expect(of(report, "policy-changes-meaning")).toMatchObject([
      { grade: "serious", message: expect.stringMatching(/^a: CiliumNetworkPolicy shop\/open.*lose.*web-1/) },
    ]);
    expect(checkExitCode(report, "serious")).toBe(1);
  });

  test("the value that keeps its meaning silences it", async () => {
    const values = { clustermesh: { useAPIServer: true, policyDefaultLocalCluster: false } };
    const report = await check(up, { values, objects: [open] });
    expect(of(report, "policy-changes-meaning")).toEqual([]);
  });

  test("one that asks for authentication is let through without", async () => {
    const objects = [
      policyOf("asks", { endpointSelector: {}, ingress: [{ authentication: { mode: "required" } }] }),
    ];
    expect(of(await check(up, { objects }), "policy-changes-meaning")).toMatchObject([
      { grade: "serious", message: expect.stringContaining("asks for authentication") },
    ]);
  });

  test("policies that were not given are unread, where the move could change them", async () => {
    expect((await check(up)).unread.map((u) => u.message)).toEqual([
      expect.stringContaining("policies of a were not given"),
      expect.stringContaining("policies of b were not given"),
    ]);
    expect((await check({ from: "1.20.0", to: "1.20.2" })).unread).toEqual([]);
  });
});

describe("values", () => {
  test("one that the new chart no longer has is serious, with what takes its place", async () => {
    const values = { clustermesh: { useAPIServer: true, enableMCSAPISupport: true } };
    expect(of(await check({ from: "1.19.7", to: "1.20.2" }, { values }), "value-ignored")).toMatchObject([
      {
        grade: "serious",
        message: expect.stringContaining("clustermesh.enableMCSAPISupport"),
        remedy: expect.stringContaining("clustermesh.mcsapi.enabled"),
      },
    ]);
  });

  test("one that an older chart does not have yet is serious on the way back", async () => {
    const values = { clustermesh: { useAPIServer: true, cacheTTL: "10m" } };
    expect(of(await check({ from: "1.19.7", to: "1.18.11" }, { values }), "value-ignored")).toMatchObject([
      { grade: "serious", message: expect.stringContaining("clustermesh.cacheTTL") },
    ]);
  });

  test("one that the version that runs ignores too is a caution", async () => {
    const values = { clustermesh: { useAPIServer: true, useApiserver: true } };
    expect(of(await check({ from: "1.19.4", to: "1.19.7" }, { values }), "value-ignored")).toMatchObject([
      { grade: "caution", message: expect.stringContaining("so does the version that runs") },
    ]);
  });

  test("one below any part of the chart counts, and the value that was meant is named", async () => {
    const values = { hubble: { relay: { enabledd: true } }, loadBalancer: { mode: "dsr" }, unknownTop: 1 };
    expect(of(await check({ from: "1.19.4", to: "1.20.2" }, { values }), "value-ignored")).toMatchObject([
      { grade: "caution", remedy: expect.stringContaining("write it as hubble.relay.enabled ") },
      { grade: "caution", message: expect.stringContaining("unknownTop, which it does not have") },
    ]);
  });

  test("one whose successor is set, or that is always on, asks nothing", async () => {
    const values = {
      encryption: {
        strictMode: { enabled: true, egress: { enabled: true } },
        ipsec: { encryptedOverlay: true },
      },
    };
    const found = of(await check({ from: "1.19.7", to: "1.20.2" }, { values }), "value-ignored");
    expect(found.map((f) => f.grade)).toEqual(["information", "information"]);
  });

  test("without the version that runs, one that some chart has is serious, another a caution", async () => {
    const values = { clustermesh: { useAPIServer: true, enableMCSAPISupport: true, nonsense: 1 } };
    const found = of(await check({ to: "1.20.2" }, { values }), "value-ignored");
    expect(found.map((f) => f.grade)).toEqual(["serious", "caution"]);
  });

  test("one of a wrong type is serious, with what to write", async () => {
    const values = { ipv4: true, debug: { enabled: "false" } };
    expect(of(await check({ from: "1.20.0", to: "1.20.2" }, { values }), "value-refused")).toMatchObject([
      { grade: "serious", remedy: expect.stringContaining("make ipv4 a mapping") },
      { grade: "serious", remedy: expect.stringContaining("write debug.enabled: false (no quotes)") },
    ]);
  });

  test("a domain that no certificate of the chart holds is serious, with where to write it", async () => {
    const peer = { name: "b", ips: ["192.0.2.1"], port: 2379 };
    const config = { enabled: true, domain: "mesh.corp.example", clusters: [peer] };
    const report = await check(
      { from: "1.19.7", to: "1.20.2" },
      { values: { clustermesh: { useAPIServer: true, config } } },
    );
    expect(of(report, "cluster-settings")).toContainEqual(
      expect.objectContaining({
        grade: "serious",
        message: expect.stringContaining("a contacts b as b.mesh.corp.example"),
        remedy: expect.stringContaining("clustermesh.apiserver.tls.auto.server.extraDnsNames"),
      }),
    );
  });

  test("ids and networks that collide are serious", async () => {
    const values = {
      cluster: { name: "a", id: 2 },
      ipam: { operator: { clusterPoolIPv4PodCIDRList: ["10.2.0.0/17"] } },
    };
    const report = await check({ from: "1.20.0", to: "1.20.2" }, { values });
    expect(of(report, "cluster-id")).toMatchObject([
      { grade: "serious", remedy: expect.stringContaining("a cluster.id of its own") },
    ]);
    expect(of(report, "cluster-networks")).toMatchObject([
      { grade: "serious", message: expect.stringContaining("10.2.0.0/17") },
    ]);
  });
});

test("a port of health checks that differs is named with both values", async () => {
  const report = await check({ from: "1.20.0", to: "1.20.2" }, { values: { clusterHealthPort: 9940 } });
  expect(of(report, "cluster-settings")).toContainEqual(
    expect.objectContaining({
      grade: "serious",
      message: expect.stringContaining("cluster-health-port differs: a 9940, b 4240"),
      remedy: expect.stringContaining("set clusterHealthPort to one value"),
    }),
  );
});

test("CiliumEndpoints that extraConfig turns off are named, which the chart does not see", async () => {
  const values = { extraConfig: { "disable-endpoint-crd": "true" } };
  const found = of(await check({ from: "1.20.0", to: "1.20.2" }, { values }), "value-ignored");
  expect(found).toContainEqual(
    expect.objectContaining({
      grade: "caution",
      message: expect.stringContaining("value extraConfig.disable-endpoint-crd: "),
    }),
  );
});

describe("what is not known is not healthy", () => {
  test("the version that runs", async () => {
    const report = await check({ to: "1.20.2" });
    expect(report.clusters).toEqual([
      { name: "a", from: null },
      { name: "b", from: null },
    ]);
    expect(report.unread[0]?.message).toContain("version of a is not in what was given");
    expect(checkExitCode(report, "serious")).toBe(3);
  });

  test("a chart that the table does not have", async () => {
    const report = await check({ from: "1.20.2", to: "1.21.0" });
    expect(report.unread.map((u) => u.message)).toEqual([
      expect.stringContaining("Cilium 1.21.0 is newer than every release that this Meshproof knows"),
    ]);
    expect(of(report, "setting-internal")).toEqual([]);
    expect(checkExitCode(report, "serious")).toBe(3);
  });

  test("values of a cluster of which only objects were given", async () => {
    const { unread } = await checkFiles([fileOf(valuesOf("a")), `b=${fileOf(podOf("web", {}))}`], {
      from: "1.20.0",
      to: "1.20.2",
    });
    expect(unread.map((u) => u.message)).toEqual([
      expect.stringContaining("Helm values of b were not given"),
    ]);
  });
});

test("one cluster is enough, and nothing between two patch releases that an operator should know is exit 0", async () => {
  const report = await checkFiles([fileOf(valuesOf("a"))], { from: "1.20.0", to: "1.20.2" });
  expect(report).toMatchObject({ clusters: [{ name: "a", from: "1.20.0" }], unread: [] });
  expect(report.findings.filter((f) => f.grade !== "information")).toEqual([]);
  expect(checkExitCode(report, "caution")).toBe(0);
  expect(
    checkExitCode({ ...report, findings: [{ id: "x", grade: "information", message: "x" }] }, "information"),
  ).toBe(1);
});

test("certificates are judged by the time of the evidence, and CRDs by what they store", async () => {
  const certificate = (serial: string, notAfter: string): object => ({
    place: "Secret x",
    role: "server",
    certificate: {
      subject: `CN=${serial}`,
      issuer: "CN=ca",
      serial,
      notBefore: "2026-01-01T00:00:00Z",
      notAfter,
    },
  });
  const evidence = new Map([
    ["collected.json", JSON.stringify({ atMs: Date.parse("2026-11-01T00:00:00Z") })],
    ["cilium-config.json", JSON.stringify({ "cluster-name": "a", "cluster-id": "1" })],
    ["helm-values.json", JSON.stringify(valuesOf("a"))],
    [
      "certificates.json",
      JSON.stringify([
        certificate("gone", "2026-10-01T00:00:00Z"),
        certificate("soon", "2026-11-20T00:00:00Z"),
        certificate("late", "2027-11-20T00:00:00Z"),
      ]),
    ],
  ]);
  const report = await checkMesh(
    {
      evidence: new Map([["a", evidence]]),
      parts: [],
      crds: new Map([["a", [{ name: "ciliumnodeconfigs.cilium.io", stored: ["v2alpha1"] }]]]),
    },
    { from: "1.19.7", to: "1.20.0" },
  );
  expect(of(report, "certificate-expires")).toMatchObject([
    { grade: "serious", message: expect.stringContaining("CN=gone expired") },
    { grade: "caution", message: expect.stringContaining("in 19 days") },
  ]);
  expect(of(report, "crd-stored-version")).toMatchObject([{ grade: "serious" }]);
});

test("a list of CRDs and objects of Cilium among the files are read", async () => {
  const crd = (name: string, stored: string[]) => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name },
    status: { storedVersions: stored },
  });
  const node = {
    apiVersion: "cilium.io/v2alpha1",
    kind: "CiliumNodeConfig",
    metadata: { name: "x" },
    spec: { defaults: { "node-port-mode": "dsr" } },
  };
  const report = await check(
    { from: "1.19.7", to: "1.20.0" },
    {
      objects: [crd("ciliumnodeconfigs.cilium.io", ["v2alpha1"]), crd("tlsroutes.example.com", ["v1"]), node],
    },
  );
  expect(of(report, "crd-stored-version")).toMatchObject([
    {
      grade: "serious",
      message: expect.stringMatching(/^a: /),
      remedy: expect.stringContaining("kubectl patch crd"),
    },
    { grade: "caution", message: expect.stringMatching(/^b: .*were not read/) },
  ]);
  expect(of(report, "crd-removed")).toMatchObject([
    { message: expect.stringContaining("CiliumNodeConfig x") },
  ]);
  expect(of(report, "setting-removed")).toMatchObject([
    {
      message: expect.stringContaining("in CiliumNodeConfig x"),
      remedy: expect.stringContaining("bpf-lb-mode"),
    },
  ]);
});

test("a certificate of a peer in values counts, and one that cannot be read is unread", async () => {
  const ca = await makeCa("Cilium CA");
  const hour = 3_600_000;
  const client = await serverCertificate(
    ca,
    "remote",
    { ips: [], dns: ["x"] },
    { fromMs: Date.now() - 48 * hour, untilMs: Date.now() - 24 * hour },
  );
  const cert = Buffer.from(client.cert).toString("base64");
  const values = {
    clustermesh: { useAPIServer: true, config: { enabled: true, clusters: [{ name: "b", tls: { cert } }] } },
  };
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "cilium-ca", namespace: "kube-system" },
    data: { "ca.crt": "not base64 !!!", "ca.key": "eA==" },
  };
  const report = await check({ from: "1.20.0", to: "1.20.2" }, { values, objects: [secret] });
  expect(of(report, "certificate-expires")).toMatchObject([
    { grade: "serious", message: expect.stringMatching(/CN=remote expired/) },
  ]);
  expect(report.unread.map((u) => u.message)).toContainEqual(
    expect.stringContaining("ca.crt of Secret cilium-ca of a holds no certificate"),
  );
});

test("certificates in values and in Secrets are judged by today", async () => {
  const ca = await makeCa("Cilium CA");
  const day = 24 * 3_600_000;
  const server = await serverCertificate(
    ca,
    "clustermesh",
    { ips: [], dns: ["*.mesh.cilium.io"] },
    { fromMs: Date.now() - 2 * day, untilMs: Date.now() + 5 * day },
  );
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "clustermesh-apiserver-server-cert", namespace: "kube-system" },
    data: { "tls.crt": base64(server.cert), "tls.key": base64(server.key) },
  };
  const values = { tls: { ca: { cert: base64(ca.cert) } } };
  const report = await check({ from: "1.20.0", to: "1.20.2" }, { values, objects: [secret] });
  expect(of(report, "certificate-expires")).toMatchObject([
    { grade: "caution", message: expect.stringMatching(/^a: certificate CN=clustermesh.* in [45] days/) },
  ]);
});

test("the guide has a row for every finding", () => {
  const guide = readFileSync(join(repoRoot(), "docs/guides/certify.md"), "utf8");
  expect(findingIds.filter((id) => !guide.includes(`\n| \`${id}\` |`))).toEqual([]);
});
