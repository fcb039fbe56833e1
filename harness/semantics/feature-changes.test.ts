import { expect, test } from "vitest";
import { featureFindings } from "./feature-changes.ts";

const up = { from: "1.18.11", to: "1.20.2" };

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

test("flags that a release removed are named with what takes their place", () => {
  const values = { extraConfig: { "node-port-mode": "dsr" } };
  const expected = [{ id: "setting-removed", remedy: expect.stringContaining("bpf-lb-mode") }];
  expect(featureFindings(up, { values })).toMatchObject(expected);
  expect(featureFindings(up, { config: { "node-port-mode": "dsr" } })).toMatchObject(expected);
  expect(featureFindings({ from: "1.18.11", to: "1.19.7" }, { values })).toEqual([]);
});
