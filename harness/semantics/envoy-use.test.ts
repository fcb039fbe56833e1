import { expect, test } from "vitest";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { usesEnvoy, withoutEnvoy } from "./envoy-use.ts";
import { settingChanges, settingFindings } from "./setting-changes.ts";

const policy = (port: object): UserPolicy => ({
  kind: "CiliumNetworkPolicy",
  namespace: "shop",
  name: "one",
  specs: [{ path: "spec", spec: { endpointSelector: {}, ingress: [{ toPorts: [port] }] } }],
});
const ports = [{ port: "80", protocol: "TCP" }];

test.each([
  ["HTTP rules", {}, [policy({ ports, rules: { http: [{ method: "GET" }] } })]],
  ["names of TLS", {}, [policy({ ports, serverNames: ["a.example"] })]],
  ["Gateway API", { gatewayAPI: { enabled: true } }, []],
  ["an L7 load balancer", { loadBalancer: { l7: { backend: "envoy" } } }, []],
] as const)("%s are Envoy's work", (_, values, policies) => {
  expect(usesEnvoy({ values }, policies)).toBe(true);
});

test("ports alone and names of DNS are not", () => {
  const policies = [policy({ ports }), policy({ ports, rules: { dns: [{ matchPattern: "*" }] } })];
  expect(usesEnvoy({ values: { envoyConfig: { enabled: false } } }, policies)).toBe(false);
  expect(usesEnvoy({ config: { "enable-envoy-config": "true" } }, policies)).toBe(true);
});

test("then a change of what Envoy does is information, and others stay what they are", () => {
  const grades = settingFindings(settingChanges("1.18.6", "1.20.2", { values: {} }).map(withoutEnvoy))
    .filter((f) => /envoy-xds-mode|mesh-auth-enabled/.test(f.message))
    .map(({ grade, remedy }) => [grade, remedy === undefined]);
  expect(grades).toEqual([
    ["caution", false],
    ["information", true],
  ]);
});
