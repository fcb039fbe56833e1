import { expect, test } from "vitest";
import { featureFindings } from "./feature-changes.ts";

const up = { from: "1.18.11", to: "1.20.2" };
const notInformation = (of: Parameters<typeof featureFindings>[1]) =>
  featureFindings(up, of).filter((f) => f.grade !== "information");

test.each([
  ["Gateway API", { gatewayAPI: { enabled: true } }],
  ["MCS API", { clustermesh: { mcsapi: { enabled: true } } }],
  ["MCS API", { clustermesh: { enableMCSAPISupport: true } }],
  ["NodePorts", { kubeProxyReplacement: true, socketLB: { hostNamespaceOnly: true } }],
  ["CNI", { cni: { customConf: true } }],
  ["renews certificates", { clustermesh: { apiserver: { tls: { auto: { method: "cronJob" } } } } }],
  [
    "IPsec",
    { kubeProxyReplacement: true, bpf: { masquerade: true }, encryption: { enabled: true, type: "ipsec" } },
  ],
])("%s works another way where it is on", (word, values) => {
  expect(featureFindings(up, { values })).toMatchObject([
    { id: "feature-changes", message: expect.stringContaining(word) },
  ]);
});

test("the same by cilium-config", () => {
  const config = {
    "enable-ipsec": "true",
    "kube-proxy-replacement": "true",
    "enable-bpf-masquerade": "true",
    "enable-gateway-api": "true",
  };
  expect(featureFindings(up, { config }).map((f) => f.grade)).toEqual(["caution", "serious"]);
});

test("nothing where features are off, or the move does not cross their release", () => {
  expect(featureFindings(up, { values: { kubeProxyReplacement: true } })).toEqual([]);
  const values = { gatewayAPI: { enabled: true } };
  expect(featureFindings({ from: "1.20.0", to: "1.20.2" }, { values })).toEqual([]);
  expect(featureFindings({ from: "1.20.2", to: "1.19.7" }, { values })).toEqual([]);
});

test("the ConfigMap that authMode migration needs is serious where the chart does not make it", () => {
  const mesh = (more: object) => ({ values: { clustermesh: { useAPIServer: true, ...more } } });
  expect(notInformation(mesh({}))).toMatchObject([
    { grade: "serious", remedy: expect.stringContaining("authMode: legacy") },
  ]);
  expect(notInformation(mesh({ config: { enabled: true } }))).toEqual([]);
  expect(notInformation(mesh({ apiserver: { tls: { authMode: "legacy" } } }))).toEqual([]);
  expect(featureFindings(up, { values: { clustermesh: { useAPIServer: false } } })).toEqual([]);
});

test("NodePorts do not change where the socket chose the backend before the move", () => {
  const values = { kubeProxyReplacement: true, gatewayAPI: { enabled: true } };
  expect(featureFindings(up, { values }).map((f) => f.message)).toEqual([
    expect.stringContaining("Gateway API"),
  ]);
});

test("the name that certificates no longer hold is information, unless values add it", () => {
  const mesh = (tls: object) => ({ values: { clustermesh: { useAPIServer: true, apiserver: { tls } } } });
  const legacy = { authMode: "legacy" };
  expect(featureFindings(up, mesh(legacy))).toMatchObject([
    { grade: "information", message: expect.stringContaining("clustermesh-apiserver.cilium.io") },
  ]);
  const names = { extraDnsNames: ["east.example.com", "clustermesh-apiserver.cilium.io"] };
  expect(featureFindings(up, mesh({ ...legacy, auto: { server: names } }))).toEqual([]);
  expect(featureFindings(up, mesh({ ...legacy, auto: { enabled: false } }))).toEqual([]);
});

test("a schedule of the operator's own that comes once a year leaves no time between certificates of a year", () => {
  const auto = (more: object) => ({
    values: {
      clustermesh: {
        useAPIServer: true,
        config: { enabled: true },
        apiserver: { tls: { auto: { method: "cronJob", ...more } } },
      },
    },
  });
  const words = (more: object) =>
    notInformation(auto(more)).filter(({ message }) => message.includes("once a year"));
  expect(words({ schedule: "0 0 1 1 *" })).toMatchObject([{ id: "feature-changes", grade: "caution" }]);
  expect(words({ schedule: "" })).toHaveLength(1);
  expect(words({ schedule: "0 0 1 */2 *" })).toEqual([]);
  expect(words({ schedule: "0 0 1 1 *", certValidityDuration: 1095 })).toEqual([]);
  expect(words({ schedule: "0 0 1 1 *", method: "helm" })).toEqual([]);
  expect(words({})).toEqual([]);
});

test("metrics of a mesh have other names from 1.19 on, where agents serve any", () => {
  const clustermesh = { useAPIServer: true, config: { enabled: true } };
  const metrics = expect.stringContaining("cilium_agent_clustermesh_remote_cluster_services");
  expect(notInformation({ values: { clustermesh, prometheus: { enabled: true } } })).toMatchObject([
    { grade: "caution", message: metrics },
  ]);
  const config = { "prometheus-serve-addr": ":9962" };
  expect(notInformation({ values: { clustermesh }, config })).toMatchObject([{ message: metrics }]);
  expect(notInformation({ values: { clustermesh } })).toEqual([]);
  expect(notInformation({ values: { prometheus: { enabled: true } } })).toEqual([]);
});

test("ports without a Service at addresses that Cilium announces are information", () => {
  const values = { kubeProxyReplacement: true, l2announcements: { enabled: true } };
  expect(featureFindings(up, { values })).toMatchObject([
    { grade: "information", message: expect.stringContaining("LB-IPAM") },
  ]);
  expect(featureFindings(up, { values: { ...values, kubeProxyReplacement: false } })).toEqual([]);
  expect(featureFindings({ ...up, from: "1.19.7" }, { values })).toEqual([]);
});

test("enableIdentityMark takes effect without CNI chaining from 1.20.2 on", () => {
  const values = { enableIdentityMark: false };
  const move = { from: "1.20.0", to: "1.20.2" };
  expect(featureFindings(move, { values })).toMatchObject([
    { grade: "caution", message: expect.stringMatching(/enableIdentityMark.*CHANGELOG\.md, v1\.20\.2/) },
  ]);
  expect(featureFindings({ ...move, to: "1.20.1" }, { values })).toEqual([]);
  const chained = { ...values, cni: { chainingMode: "aws-cni" } };
  expect(featureFindings(move, { values: chained })).toEqual([]);
  expect(featureFindings(move, { values: { enableIdentityMark: true } })).toEqual([]);
});
