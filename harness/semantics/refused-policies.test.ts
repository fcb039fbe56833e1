import { expect, test } from "vitest";
import { examplePolicy } from "./example-policies.ts";
import { refusedProblems } from "./refused-policies.ts";

const policy = examplePolicy({
  endpointSelector: {},
  ingress: [{ fromNodes: [{ matchLabels: { role: "edge" } }] }],
});
const problems = (nodeLabels: boolean | undefined, settings: Record<string, string> = {}) =>
  refusedProblems({
    ...{ name: "east", settings, policies: [policy] },
    context: { version: "1.20.2", nodeLabels, hostFirewall: false },
  });

test("a policy with fromNodes has no effect where nodes have no labels of their own", () => {
  expect(problems(false)).toMatchObject([
    {
      problem:
        "has no effect: agents refuse it whole (fromNodes and toNodes need enable-node-selector-labels), so nothing that it allows or denies counts",
      remedy: "select nodes by the entities host and remote-node",
      missingValue: "nodeSelectorLabels=true",
    },
  ]);
  expect(problems(true)).toEqual([]);
  expect(problems(undefined)).toEqual([]);
  // Nobody reads it.
  expect(problems(false, { "enable-cilium-network-policy": "false" })).toEqual([]);
});

const http = {
  toPorts: [{ ports: [{ port: "80", protocol: "TCP" }], rules: { http: [{ method: "GET" }] } }],
};
const dns = {
  toPorts: [{ ports: [{ port: "53", protocol: "ANY" }], rules: { dns: [{ matchPattern: "*" }] } }],
};

test.each([
  ["CiliumNetworkPolicy", { endpointSelector: {}, ingress: [http] }],
  ["CiliumNetworkPolicy", { endpointSelector: {}, egress: [dns] }],
  ["CiliumClusterwideNetworkPolicy", { endpointSelector: {}, egress: [dns] }],
] as const)("a %s with rules for HTTP or DNS has no effect without the L7 proxy", (kind, spec) => {
  const of = (l7Proxy: boolean | undefined) =>
    refusedProblems({
      ...{ name: "east", settings: {}, policies: [{ ...examplePolicy(spec), kind }] },
      context: { version: "1.19.1", nodeLabels: true, hostFirewall: false, l7Proxy },
    });
  expect(of(false)).toMatchObject([
    { problem: expect.stringContaining("need enable-l7-proxy"), missingValue: "l7Proxy=true", breaks: true },
  ]);
  expect(of(true)).toEqual([]);
  expect(of(undefined)).toEqual([]);
});

test("ports without such rules need no proxy", () => {
  const spec = { endpointSelector: {}, ingress: [{ toPorts: [{ ports: [{ port: "80" }] }] }] };
  expect(
    refusedProblems({
      ...{ name: "east", settings: {}, policies: [examplePolicy(spec)] },
      context: { version: "1.19.1", nodeLabels: true, hostFirewall: false, l7Proxy: false },
    }),
  ).toEqual([]);
});
