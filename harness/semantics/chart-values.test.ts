import { expect, test } from "vitest";
import {
  ignoredPaths,
  isChartKey,
  isChartValue,
  isKnownValue,
  keysBeside,
  typesOf,
  valueLack,
  wrongTypes,
} from "./chart-values.ts";

test.each([
  ["at the top", { unknownTop: 1 }, "1.20.2", ["unknownTop"]],
  ["below, at any depth", { hubble: { relay: { enabledd: true } } }, "1.20.2", ["hubble.relay.enabledd"]],
  ["that a chart removed", { customCalls: { enabled: true } }, "1.19.1", ["customCalls.enabled"]],
  ["that a later chart has", { clustermesh: { cacheTTL: "1m" } }, "1.18.11", ["clustermesh.cacheTTL"]],
  ["that only templates read is read", { loadBalancer: { mode: "dsr" }, devices: "eth0" }, "1.18.11", []],
  [
    "that a template reads as a fallback is read",
    { clustermesh: { apiserver: { tls: { server: { extraDnsNames: ["x"] } } } } },
    "1.20.2",
    [],
  ],
  ["in a free-form mapping is read", { extraConfig: { any: "1" }, podLabels: { a: "b" } }, "1.20.2", []],
  [
    "in a mapping that a template prints is read",
    {
      affinity: { nodeAffinity: {} },
      nodeSelector: { pool: "a" },
      operator: { nodeSelector: { pool: "a" } },
    },
    "1.20.2",
    [],
  ],
  ["taken away is none", { customCalls: null }, "1.20.2", []],
  ["of Helm, or kept to be repeated, is none", { global: {}, "x-a": 1, _b: 2, ".c": 3 }, "1.20.2", []],
  ["of a chart that was not read is not judged", { unknownTop: 1 }, "1.21.0", []],
  [
    "with a name of JavaScript",
    JSON.parse('{"__proto__":{"a":1},"constructor":1}'),
    "1.20.2",
    ["constructor"],
  ],
])("a value %s", (_, values, version, paths) => {
  expect(ignoredPaths(values, version)).toEqual(paths);
});

test.each([
  ["a text for a switch", { debug: { enabled: "false" } }, "1.19.7", "debug.enabled"],
  [
    "a text for a number",
    { clustermesh: { apiserver: { service: { nodePort: "32379" } } } },
    "1.20.2",
    "clustermesh.apiserver.service.nodePort",
  ],
  ["a switch for a mapping", { ipv4: true }, "1.18.11", "ipv4"],
  ["a list for a mapping", { bpf: [] }, "1.20.2", "bpf"],
  [
    "a mapping for a list, until 1.18",
    { clustermesh: { config: { clusters: {} } } },
    "1.18.11",
    "clustermesh.config.clusters",
  ],
  [
    "a word that is not offered",
    { clustermesh: { apiserver: { service: { externalTrafficPolicy: "local" } } } },
    "1.20.2",
    "clustermesh.apiserver.service.externalTrafficPolicy",
  ],
  [
    "anything where the schema takes null",
    { endpointPolicyUpdateTimeoutDuration: "5s" },
    "1.19.7",
    "endpointPolicyUpdateTimeoutDuration",
  ],
])("%s is of a wrong type", (_, values, version, path) => {
  expect(wrongTypes(values, version).map((w) => w.path)).toEqual([path]);
});

test.each([
  ["a later schema that takes more", { endpointPolicyUpdateTimeoutDuration: "5s" }, "1.20.2"],
  ["one of two types", { kubeProxyReplacement: "true", k8sServicePort: 6443 }, "1.20.2"],
  ["a mapping of peers, since 1.19", { clustermesh: { config: { clusters: {} } } }, "1.19.1"],
  [
    "text that is replaced later",
    { cluster: { id: "{{ .Values.id }}", name: "x" }, MTU: "${MTU}" },
    "1.20.2",
  ],
  ["null", { ipv4: null, bpf: { masquerade: null } }, "1.20.2"],
  ["a value that no schema has", { tunnel: 5, unknownTop: {} }, "1.20.2"],
  ["a chart that was not read", { ipv4: true }, "1.21.0"],
])("%s is accepted", (_, values, version) => {
  expect(wrongTypes(values, version)).toEqual([]);
});

test("the life and the types of a value, and what stands beside it", () => {
  expect(valueLack("clustermesh.enableMCSAPISupport", "1.20.2")).toEqual({ removed: "1.20" });
  expect(valueLack("clustermesh.mcsapi", "1.18.11")).toEqual({ brought: "1.19" });
  expect(valueLack("no.such", "1.20.2")).toBeUndefined();
  expect([isKnownValue("clustermesh.mcsapi"), isKnownValue("no.such")]).toEqual([true, false]);
  expect(typesOf("clustermesh.policyDefaultLocalCluster")).toEqual(["boolean"]);
  expect(typesOf("clustermesh")).toEqual([]);
  expect(keysBeside("clustermesh.cacheTTl", "1.18.11")).not.toContain("cacheTTL");
  expect(keysBeside("clustermesh.cacheTTl", "1.19.1")).toContain("cacheTTL");
  expect(isChartValue("clustermesh.apiserver.tls", "1.20.2")).toBe(true);
  expect(isChartValue("clustermesh.mcsapi", "1.18.11")).toBe(false);
  expect([isChartKey("clustermesh"), isChartKey("constructor")]).toEqual([true, false]);
});
