import { describe, expect, test } from "vitest";
import { check, of, podOf, policyOf } from "./check-examples.ts";

const namespace = (mark?: string): object => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: {
    name: "shop",
    ...(mark === undefined ? {} : { annotations: { "clustermesh.cilium.io/global": mark } }),
  },
});
const service = (spec: object, more: object = {}): object => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "web", namespace: "shop", annotations: { "service.cilium.io/global": "true" } },
  spec: { selector: { app: "web" }, ports: [{ port: 80 }], ...spec },
  ...more,
});

describe("namespaces that a cluster keeps to itself", () => {
  const shared = async (from: string, to: string, more: Parameters<typeof check>[1]) =>
    of(await check({ from, to }, more), "feature-changes").filter((f) => f.message.includes("share"));

  test("their services are no longer shared from 1.20 on, their pods from 1.19 on", async () => {
    const objects = [namespace("false"), service({})];
    expect(await shared("1.19.7", "1.20.2", { objects })).toMatchObject([
      {
        grade: "serious",
        message: expect.stringMatching(/^a: .*no longer shares global services.*Service shop\/web/),
      },
    ]);
    expect(await shared("1.18.11", "1.19.7", { objects: [namespace("false")] })).toMatchObject([
      { grade: "caution", message: expect.stringContaining("addresses and identities of pods") },
    ]);
    expect(await shared("1.19.7", "1.20.2", { objects: [namespace("true"), service({})] })).toEqual([]);
    expect(await shared("1.20.0", "1.20.2", { objects })).toEqual([]);
  });

  test("they are shared again on the way back", async () => {
    expect(await shared("1.20.2", "1.18.11", { objects: [namespace("false"), service({})] })).toMatchObject([
      { grade: "caution", message: expect.stringContaining("begins to share") },
    ]);
  });

  test("a default in the values begins to count with the chart that has it", async () => {
    const values = { clustermesh: { useAPIServer: true, defaultGlobalNamespace: false } };
    expect(await shared("1.19.7", "1.20.2", { values, objects: [namespace(), service({})] })).toMatchObject([
      { grade: "serious", message: expect.stringMatching(/addresses and identities.*, and global/) },
    ]);
  });
});

describe("defects that objects make show", () => {
  const defect = async (id: string, to: string, more: Parameters<typeof check>[1]) =>
    of(await check({ from: "1.18.11", to }, more), "defect-in-target").filter((f) =>
      f.message.includes(`${id}:`),
    );
  const kpr = { kubeProxyReplacement: true };
  const node = {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "one" },
    status: { addresses: [{ type: "InternalIP", address: "192.0.2.1" }] },
  };
  const at = (ip: string, spec: object = {}) =>
    service({ type: "LoadBalancer", ...spec }, { status: { loadBalancer: { ingress: [{ ip }] } } });

  test("a LoadBalancer Service at a node's address", async () => {
    const of = (object: object, to = "1.19.4") =>
      defect("cilium-45572", to, { values: kpr, objects: [node, namespace(), object] });
    expect(await of(at("192.0.2.1"))).toMatchObject([
      {
        grade: "serious",
        message: expect.stringMatching(/^a: .*concerns Service shop\/web \(192\.0\.2\.1\)/),
        remedy: "choose 1.19.5 or later instead",
      },
    ]);
    expect(await of(at("192.0.2.9"))).toMatchObject([{ grade: "caution" }]);
    expect(await of(at("192.0.2.1", { loadBalancerClass: "metallb" }))).toMatchObject([{ grade: "caution" }]);
    expect(await of(at("192.0.2.1"), "1.19.7")).toEqual([]);
  });

  test("a policy for nodes whose labels are filtered", async () => {
    const policy = policyOf("nodes", {
      endpointSelector: {},
      egress: [{ toNodes: [{ matchLabels: { role: "edge" } }] }],
    });
    const of = (nodeLabels: string) =>
      defect("cilium-46068", "1.19.4", {
        values: { nodeSelectorLabels: true, nodeLabels },
        objects: [namespace(), policy],
      });
    expect(await of("role")).toMatchObject([
      { grade: "serious", message: expect.stringContaining("CiliumNetworkPolicy shop/nodes") },
    ]);
    expect(await of("!secret")).toMatchObject([{ grade: "caution" }]);
  });

  test("a kvstore behind a Service", async () => {
    const values = {
      ...kpr,
      identityAllocationMode: "kvstore",
      etcd: { enabled: true, endpoints: ["https://etcd.kube-system.svc:2379"] },
    };
    expect(await defect("cilium-46444", "1.19.4", { values })).toMatchObject([
      { grade: "serious", message: expect.stringContaining("https://etcd.kube-system.svc:2379") },
    ]);
    const outside = { ...values, etcd: { enabled: true, endpoints: ["https://192.0.2.7:2379"] } };
    expect(await defect("cilium-46444", "1.19.4", { values: outside })).toMatchObject([{ grade: "caution" }]);
  });

  test("CIDRs that select pods", async () => {
    const values = { policyCIDRMatchMode: ["pods"] };
    const back = of(await check({ from: "1.20.2", to: "1.20.0" }, { values }), "defect-in-target");
    expect(back).toContainEqual(
      expect.objectContaining({ grade: "serious", message: expect.stringContaining("cilium-47880") }),
    );
  });
});

describe("ports of egress by name", () => {
  const named = policyOf("client", {
    endpointSelector: {},
    egress: [{ toEntities: ["cluster"], toPorts: [{ ports: [{ port: "http", protocol: "TCP" }] }] }],
  });
  const pod = (number: number): object => ({
    ...podOf(`web-${number}`, { app: "web" }),
    spec: {
      nodeName: "one",
      containers: [{ name: "c", image: "x", ports: [{ name: "http", containerPort: number }] }],
    },
  });
  const move = { from: "1.19.7", to: "1.20.2" };

  test("pods of another cluster give the name another number", async () => {
    const report = await check(move, { objects: [namespace(), pod(8080), named], others: [pod(8081)] });
    expect(of(report, "policy-changes-meaning")).toMatchObject([
      { grade: "caution", message: expect.stringMatching(/^a: .*shop\/client .*8080 and 8081/) },
    ]);
    expect(report.unread.map((u) => u.message)).not.toContainEqual(expect.stringContaining("by name"));
  });

  test("pods that were not given are unread", async () => {
    const report = await check(move, { objects: [namespace(), pod(8080), named] });
    expect(of(report, "policy-changes-meaning")).toEqual([]);
    expect(report.unread.map((u) => u.message)).toContainEqual(
      expect.stringMatching(/ports of egress by name \(http\).*no pod of b was given/),
    );
  });
});
