import { expect, test } from "vitest";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { needsPolicies, policyFeatureFindings } from "./policy-features.ts";

const policy = (rule: object, kind: UserPolicy["kind"] = "CiliumNetworkPolicy"): UserPolicy => ({
  kind,
  namespace: "shop",
  name: "one",
  specs: [{ path: "spec", spec: { endpointSelector: {}, ingress: [rule] } }],
});
const up = { from: "1.18.11", to: "1.20.2", before: {}, after: {} };

test.each([
  ["authentication", { authentication: { mode: "required" } }],
  ["**.", { toFQDNs: [{ matchPattern: "**.example.com" }] }],
  ["Kafka", { toPorts: [{ rules: { kafka: [{ topic: "x" }] } }] }],
  ["may send anything to their ports", { toPorts: [{ rules: { kafka: [{ topic: "x" }] } }] }],
  ["Envoy Go extension", { toPorts: [{ rules: { l7proto: "r2d2" } }] }],
])("%s means another thing after the move", (word, rule) => {
  expect(policyFeatureFindings([policy(rule)], up)).toMatchObject([
    { id: "policy-changes-meaning", grade: "serious", message: expect.stringContaining(word) },
  ]);
});

test("what means the same is not named: empty lists, other kinds, a setting that keeps it, a move that does not cross it", () => {
  expect(policyFeatureFindings([policy({ toPorts: [{ rules: { http: [{}], kafka: [] } }] })], up)).toEqual(
    [],
  );
  const asks = policy({ authentication: { mode: "required" } });
  expect(policyFeatureFindings([asks], { ...up, after: { "mesh-auth-enabled": "true" } })).toEqual([]);
  expect(policyFeatureFindings([asks], { ...up, before: { "mesh-auth-enabled": "false" } })).toEqual([]);
  expect(policyFeatureFindings([asks], { ...up, from: "1.19.4" })).toEqual([]);
  expect(policyFeatureFindings([policy({ authentication: {} }, "NetworkPolicy")], up)).toEqual([]);
});

test("egress to NodePorts is named where pods reached the node first", () => {
  const rule = { toEntities: ["remote-node"], toPorts: [{ ports: [{ port: "31080", protocol: "TCP" }] }] };
  const toPort = (port: string) => ({ ...rule, toPorts: [{ ports: [{ port }] }] });
  const of = (egress: object): UserPolicy => ({
    ...policy({}),
    specs: [{ path: "spec", spec: { endpointSelector: {}, egress: [egress] } }],
  });
  const config = { "kube-proxy-replacement": "true", "bpf-lb-sock-hostns-only": "true" };
  const move = { ...up, before: config, after: config };
  expect(policyFeatureFindings([of(rule)], move)).toMatchObject([
    { grade: "serious", message: expect.stringContaining("shop/one allows pods to reach nodes") },
  ]);
  expect(policyFeatureFindings([of(toPort("443")), policy(rule)], move)).toEqual([]);
  // Every port is one of them too, but perhaps not meant for it.
  for (const every of [
    { toEntities: ["host", "remote-node"] },
    { toNodes: [{ matchLabels: { role: "edge" } }] },
    { ...rule, toPorts: [{ ports: [{ port: "0", protocol: "TCP" }] }] },
    { ...rule, toPorts: [{}] },
  ])
    expect(policyFeatureFindings([of(every)], move)).toMatchObject([
      { grade: "caution", message: expect.stringContaining("at every port, NodePorts included") },
    ]);
  for (const other of [
    { toEntities: ["remote-node", "all"] },
    { toEntities: ["remote-node"], icmps: [{ fields: [{ type: 8 }] }] },
    { toEntities: ["world"] },
  ])
    expect(policyFeatureFindings([of(other)], move)).toEqual([]);
  const back = { ...move, from: move.to, to: move.from };
  expect(policyFeatureFindings([of({ toEntities: ["remote-node"] })], back)).toEqual([]);
  const atTheSocket = { ...config, "bpf-lb-sock-hostns-only": "false" };
  expect(policyFeatureFindings([of(rule)], { ...move, before: atTheSocket })).toEqual([]);
});

test("on the way back what has an old meaning again is named, and what the API server kept out is not", () => {
  const down = {
    ...{ from: "1.20.2", to: "1.18.11" },
    before: { "mesh-auth-enabled": "false" },
    after: { "mesh-auth-enabled": "true" },
  };
  const asks = policy({ authentication: { mode: "required" } });
  const kafka = policy({ toPorts: [{ rules: { kafka: [{ topic: "x" }] } }] });
  const names = policy({ toFQDNs: [{ matchPattern: "**.example.com" }] });
  expect(policyFeatureFindings([asks, kafka, names], down).map((f) => f.message)).toEqual([
    expect.stringContaining("its traffic is denied without"),
    expect.stringContaining("one level only"),
  ]);
  expect(policyFeatureFindings([asks], { ...down, after: down.before })).toEqual([]);
});

test("policies have to be read where a move crosses a minor, up or down", () => {
  expect(needsPolicies({ from: "1.18.11", to: "1.19.7" })).toBe(true);
  expect(needsPolicies({ from: "1.19.1", to: "1.19.7" })).toBe(false);
  expect(needsPolicies({ from: "1.20.2", to: "1.19.7" })).toBe(true);
  expect(needsPolicies({ from: "1.20.2", to: "1.20.0" })).toBe(false);
});
