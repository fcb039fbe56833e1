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
      remedy: expect.stringContaining("nodeSelectorLabels"),
    },
  ]);
  expect(problems(true)).toEqual([]);
  expect(problems(undefined)).toEqual([]);
  // Nobody reads it.
  expect(problems(false, { "enable-cilium-network-policy": "false" })).toEqual([]);
});
