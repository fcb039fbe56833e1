import { expect, test } from "vitest";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { needsPolicies, policyFeatureFindings } from "./policy-features.ts";

const policy = (rule: object, kind: UserPolicy["kind"] = "CiliumNetworkPolicy"): UserPolicy => ({
  kind,
  namespace: "shop",
  name: "one",
  specs: [{ path: "spec", spec: { endpointSelector: {}, ingress: [rule] } }],
});
const up = { from: "1.18.11", to: "1.20.2", config: {} };

test.each([
  ["authentication", { authentication: { mode: "required" } }],
  ["**.", { toFQDNs: [{ matchPattern: "**.example.com" }] }],
  ["fromRequires", { fromRequires: [{}] }],
  ["Kafka", { toPorts: [{ rules: { kafka: [{ topic: "x" }] } }] }],
  ["Envoy Go extension", { toPorts: [{ rules: { l7proto: "r2d2" } }] }],
])("%s means another thing after the move", (word, rule) => {
  expect(policyFeatureFindings([policy(rule)], up)).toMatchObject([
    { id: "policy-changes-meaning", grade: "serious", message: expect.stringContaining(word) },
  ]);
});

test("what means the same is not named: empty lists, other kinds, a setting that keeps it, a move that does not cross it", () => {
  expect(
    policyFeatureFindings([policy({ fromRequires: [], toPorts: [{ rules: { http: [{}] } }] })], up),
  ).toEqual([]);
  const asks = policy({ authentication: { mode: "required" } });
  expect(policyFeatureFindings([asks], { ...up, config: { "mesh-auth-enabled": "true" } })).toEqual([]);
  expect(policyFeatureFindings([asks], { ...up, from: "1.19.4" })).toEqual([]);
  expect(policyFeatureFindings([policy({ authentication: {} }, "NetworkPolicy")], up)).toEqual([]);
});

test("policies have to be read where a move crosses a minor upwards", () => {
  expect(needsPolicies({ from: "1.18.11", to: "1.19.7" })).toBe(true);
  expect(needsPolicies({ from: "1.19.1", to: "1.19.7" })).toBe(false);
  expect(needsPolicies({ from: "1.20.2", to: "1.19.7" })).toBe(false);
});
